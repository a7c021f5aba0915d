package org.llminspector.run.compare;

/** Progress callbacks of a comparison, called on its thread. Every method has a default. */
public interface ComparisonListener {

    ComparisonListener NONE = new ComparisonListener() {};

    /**
     * Progress of a comparison.
     *
     * @param phase {@code corpus}, {@code opening}, {@code hooks}, {@code modules}, {@code prompt}, {@code activations}, {@code text},
     *     {@code cost}, {@code sensitivity}
     * @param done finished steps of the phase
     * @param total steps of the phase
     * @param note current step, in words
     * @param meanKld so far, nats; null before the first
     */
    record Progress(String phase, int done, int total, String note, Double meanKld) {}

    /** Queued behind {@code ahead} other pieces of work; {@code id} cancels it from now on. */
    default void queued(String id, int ahead) {}

    /** The comparison begins. */
    default void started(String id) {}

    default void progress(Progress progress) {}

    /** Asked between passes; true ends the comparison, and nothing is stored. */
    default boolean cancelled() {
        return false;
    }
}
