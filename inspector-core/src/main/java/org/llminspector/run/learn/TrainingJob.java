package org.llminspector.run.learn;

import java.util.List;
import org.llminspector.train.Recipe;
import org.llminspector.train.TrainingEnvironments;

/**
 * Current state of one training run.
 *
 * @param id name of the job, its folder and the model
 * @param step updates made
 * @param steps of the recipe
 * @param tokens predicted so far
 * @param loss of the last update
 * @param valLoss last measured validation loss
 * @param tokensPerSecond while it runs
 * @param secondsLeft while it runs
 * @param resumable whether it can resume from a saved state
 * @param opens whether the folder can already be opened as a model
 * @param sittings environments that computed it, each with the number of updates before it
 * @param differs why its losses are not bit-identical to the shipped models', and what to do; null if they are
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
        List<TrainingEnvironments.Sitting> sittings,
        String differs,
        String trouble) {

    /** A job whose files cannot be read, with the reason as {@code trouble}. */
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

    /** Lifecycle state of a job. */
    public enum State {
        STARTING,
        RUNNING,
        /** Ends after the current step. */
        STOPPING,
        STOPPED,
        FINISHED,
        FAILED
    }
}
