package org.llminspector.run.compare;

/** ComparisonListener hears of a comparison while it happens, on its thread. Every method has a default. */
public interface ComparisonListener {

    ComparisonListener NONE = new ComparisonListener() {};

    /**
     * How far it is.
     *
     * @param phase {@code opening}, {@code hooks}, {@code modules}, {@code prompt}, {@code activations}, {@code text},
     *     {@code cost}, {@code sensitivity}
     * @param done pieces of the phase that are done
     * @param total pieces of the phase
     * @param note what is being done, in words
     * @param meanKld so far, nats; null before there is one
     */
    record Progress(String phase, int done, int total, String note, Double meanKld) {}

    /** It waits behind this many others, maybe none; under this id it can be cancelled from now on. */
    default void queued(String id, int ahead) {}

    /** It begins, under this id. */
    default void started(String id) {}

    default void progress(Progress progress) {}

    /** Asked between passes: true ends the comparison, and nothing of it is kept. */
    default boolean cancelled() {
        return false;
    }
}
