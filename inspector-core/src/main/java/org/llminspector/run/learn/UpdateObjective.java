package org.llminspector.run.learn;

import java.util.function.Function;
import org.llminspector.engine.Learner;
import org.llminspector.train.PreferredPair;

/** Loss function of a learner's updates. */
interface UpdateObjective {

    /**
     * Called before the first update.
     *
     * @param reference log probabilities of two answers under the learner's initial model
     */
    default void begin(Learner learner, Function<PreferredPair, PreferredPair.Scores> reference) {}

    /** The loss, without a gradient. */
    double loss(Learner learner);

    /** Adds the loss's gradient to the learner's. */
    void accumulate(Learner learner);

    /** Called after the last update: the change of two answers' log probabilities, or null. */
    default LearnerStep.PreferenceChange end(Learner learner) {
        return null;
    }
}
