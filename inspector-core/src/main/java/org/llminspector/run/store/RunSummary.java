package org.llminspector.run.store;

/**
 * One row of the list of runs.
 *
 * @param text its beginning
 * @param branchOf its parent run; null for a run that is no branch
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
