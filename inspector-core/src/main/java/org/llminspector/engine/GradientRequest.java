package org.llminspector.engine;

import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import org.llminspector.hook.HookId;

/**
 * Request for the gradient of a weighted sum of target logits or negative log likelihoods by hooked values and weights.
 *
 * @param tokens the sequence
 * @param targets the differentiated number is the sum of their values times their weights
 * @param hooks activations to differentiate by
 * @param parameters whether to differentiate by every weight as well
 * @param pass what else the pass does: its interventions, before the gradient's leaves, and the hooks whose values it
 *     returns; null for nothing
 */
public record GradientRequest(
        int[] tokens, List<Target> targets, SortedSet<HookId> hooks, boolean parameters, SessionRequest pass) {

    /** Which value of the target token is read. */
    public enum Of {
        /** -ln of its probability, nats. */
        NLL,
        /** Its logit, before the softmax. */
        LOGIT
    }

    /**
     * A token at a position.
     *
     * @param pos the position whose logits are read: for a next-token prediction, that of the token before
     */
    public record Target(int pos, int token, Of of, double weight) {}

    /** Nothing changed, and no values returned. */
    public GradientRequest(int[] tokens, List<Target> targets, SortedSet<HookId> hooks, boolean parameters) {
        this(tokens, targets, hooks, parameters, null);
    }

    public GradientRequest {
        targets = List.copyOf(targets);
        hooks = new TreeSet<>(hooks);
    }
}
