package org.llminspector.run.sweep;

import org.llminspector.base.Problem;

/** Progress callbacks of a sweep, called on its thread. Every method has a default. */
public interface SweepListener {

    SweepListener NONE = new SweepListener() {};

    /**
     * Progress of a sweep.
     *
     * @param phase {@code reading}, {@code opening}, {@code running}, {@code merging}
     * @param shards that are done, those of earlier sweeps included
     * @param of all shards that this process runs
     * @param windows done by this process
     * @param tokensPerSecond tokens that the model read; 0 before the first batch
     * @param secondsLeft estimated from what was done so far; negative before the first batch
     */
    record Progress(String phase, int shards, int of, int windows, double tokensPerSecond, double secondsLeft) {}

    /**
     * What this process's work will take, by what was measured before.
     *
     * @param tokens that the model has yet to read, all of this process's windows
     * @param tokensPerSecond measured over one batch: the second, for the first also warms the engine up; the first where
     *     there is no other
     * @param seconds for all of them at this rate
     */
    record Estimate(long tokens, double tokensPerSecond, double seconds) {}

    /** The sweep is planned: its windows, parts and most bytes are known. */
    default void planned(SweepManifest manifest, int ready) {}

    /** How long it will take; once, after the batch that was measured. Not where all parts are there already. */
    default void estimated(Estimate estimate) {}

    default void progress(Progress progress) {}

    /** A machine of a cluster could not have the sweep, and others compute its shards. */
    default void leftOut(Problem why) {}

    /** Asked between batches; true ends the sweep, and what is finished stays. */
    default boolean cancelled() {
        return false;
    }
}
