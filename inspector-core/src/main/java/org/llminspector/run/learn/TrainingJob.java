package org.llminspector.run.learn;

import java.util.List;
import org.llminspector.train.Recipe;
import org.llminspector.train.Sittings;

/**
 * TrainingJob is one training run as it is now.
 *
 * @param id its name, its folder's, and the model's
 * @param step updates made
 * @param steps of the recipe
 * @param tokens predicted so far
 * @param loss of the last update
 * @param valLoss the last that was looked at
 * @param tokensPerSecond while it runs
 * @param secondsLeft while it runs
 * @param resumable whether it can go on from a saved state
 * @param opens whether the folder opens as a model already
 * @param sittings what computed it, from which update on
 * @param differs why its losses are not those of the shipped models to the last digit, and what to do; null if they are
 * @param recipe null where it cannot be read
 * @param trouble why it failed, or why it cannot be read
 */
public record TrainingJob(
        String id,
        State state,
        long step,
        int steps,
        long tokens,
        Double loss,
        Double valLoss,
        Double tokensPerSecond,
        Double secondsLeft,
        boolean resumable,
        boolean opens,
        String folder,
        Recipe recipe,
        List<Sittings.Sitting> sittings,
        String differs,
        String trouble) {

    /** A job whose files cannot be read: {@code trouble} says why. */
    static TrainingJob unreadable(String id, String folder, String trouble) {
        return new TrainingJob(
                id,
                State.FAILED,
                0,
                0,
                0,
                null,
                null,
                null,
                null,
                false,
                false,
                folder,
                null,
                List.of(),
                null,
                trouble);
    }

    /** State is where a job stands. */
    public enum State {
        STARTING,
        RUNNING,
        /** It ends after the step under way. */
        STOPPING,
        STOPPED,
        FINISHED,
        FAILED
    }
}
