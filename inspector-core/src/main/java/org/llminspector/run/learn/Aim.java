package org.llminspector.run.learn;

import java.util.function.Function;
import org.llminspector.engine.Learner;
import org.llminspector.train.PreferredPair;

/** Aim is what a learner's updates make smaller. */
interface Aim {

    /**
     * Before the first update.
     *
     * @param reference what the model that the learner began as thinks of two answers
     */
    default void begin(Learner learner, Function<PreferredPair, PreferredPair.Scores> reference) {}

    /** The loss, without a gradient. */
    double loss(Learner learner);

    /** Adds the loss's gradient to the learner's. */
    void accumulate(Learner learner);

    /** After the last update: what became of two answers, or null. */
    default LearnerStep.PreferenceChange end(Learner learner) {
        return null;
    }
}
