package org.llminspector.train;

import org.llminspector.engine.Learner;

/** Training objective: takes its examples in a fixed order and accumulates their gradient. */
interface Objective extends AutoCloseable {

    /**
     * Results on some examples.
     *
     * @param loss mean over the examples' tokens or pairs, nats
     * @param accuracy share of tokens predicted as most probable, or of pairs ranked correctly
     * @param tokens predicted
     */
    record Measure(double loss, double accuracy, long tokens) {}

    /**
     * Adds the gradient of the next batch's mean loss to the learner's.
     *
     * @param step updates made before
     */
    Measure accumulate(Learner learner, long step);

    /** Scores the held-out examples, always the same ones. */
    Measure validate(Learner learner);

    /** The position in the stream of examples. */
    TokenStream.Place place();

    void goTo(TokenStream.Place place);

    @Override
    default void close() {}
}
