package org.llminspector.run.store;

/**
 * RunSummary is one line of the list of runs.
 *
 * @param text its beginning
 * @param branchOf the run that it went on from; null for a run that is no branch
 */
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
        long bytes,
        String branchOf) {}
