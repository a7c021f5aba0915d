package org.llminspector.run.lab;

/** Progress callbacks of an analysis, called on its thread. Every method has a default. */
public interface LabListener {

    LabListener NONE = new LabListener() {};

    /**
     * Progress of an analysis.
     *
     * @param phase {@code opening}, {@code runs}, {@code rows}, {@code gradients}, {@code circuits}, {@code measuring}
     * @param done finished steps of the phase
     * @param total steps of the phase
     */
    record Progress(String phase, int done, int total) {}

    /** Queued behind {@code ahead} other pieces of work; {@code id} cancels it from now on. */
    default void queued(String id, int ahead) {}

    default void progress(Progress progress) {}

    /** Asked between batches; true ends the analysis, and nothing is stored. */
    default boolean cancelled() {
        return false;
    }
}
