package org.llminspector.engine;

import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.hook.HookId;

/**
 * GradientRequest asks how a number made of a model's outputs changes with everything on the way to it.
 *
 * @param tokens the sequence
 * @param targets the number is the sum of their weighted values
 * @param hooks values by which to differentiate
 * @param parameters whether to differentiate by every weight too
 */
public record GradientRequest(int[] tokens, List<Target> targets, SortedSet<HookId> hooks, boolean parameters) {

    /** What of a token is meant. */
    public enum Of {
        /** -ln of its probability, nats. */
        NLL,
        /** Its score before the softmax. */
        LOGIT
    }

    /**
     * Target is one token at one position.
     *
     * @param pos the position whose output is read: that of the token before, when it is a next token
     */
    public record Target(int pos, int token, Of of, double weight) {}

    public GradientRequest {
        targets = List.copyOf(targets);
        hooks = new TreeSet<>(hooks);
    }
}
