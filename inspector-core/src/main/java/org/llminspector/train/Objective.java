package org.llminspector.train;

import org.llminspector.engine.Learner;

/** Objective is what a training run makes smaller: it takes its examples in a fixed order and adds up their gradient. */
interface Objective extends AutoCloseable {

    /**
     * Measure is how well a model did on some examples.
     *
     * @param loss mean over the examples' tokens or pairs, nats
     * @param accuracy share of tokens that were the most probable ones, or of pairs that were put in the right order
     * @param tokens predicted
     */
    record Measure(double loss, double accuracy, long tokens) {}

    /**
     * Adds the gradient of the next batch's mean loss to the learner's.
     *
     * @param step updates made before
     */
    Measure accumulate(Learner learner, long step);

    /** Looks at held-out examples, always the same ones. */
    Measure validate(Learner learner);

    /** How far the examples have been taken. */
    TokenStream.Place place();

    void goTo(TokenStream.Place place);

    @Override
    default void close() {}
}
