package org.llminspector.run.store;

/** RunSummary is one line of the list of runs. {@code text} is its beginning. */
public record RunSummary(
        String id,
        String created,
        String name,
        String model,
        String engine,
        String precision,
        String device,
        String text,
        int promptLength,
        int generated,
        int captures,
        long bytes) {}
