package org.llminspector.spec;

/**
 * Experts makes a feed-forward part a mixture (Shazeer et al. 2017): a router scores all experts for each token, the best few
 * answer, and the sum of their answers, weighed by their scores, is what the token gets.
 *
 * <p>The scores are the softmax of the router's logits over all experts, unless {@link Routing} says otherwise.
 *
 * @param count experts (config {@code num_experts}, {@code num_local_experts})
 * @param active of them that answer a token: its slots, the best score first (config {@code num_experts_per_tok})
 * @param renormalised whether the chosen scores are divided by their sum, which is the softmax over the chosen logits alone
 *     (config {@code norm_topk_prob})
 * @param dShared neurons of the expert that answers every token beside the chosen ones, or null for none
 * @param sharedGate whether the shared expert's answer is multiplied by the sigmoid of a score of its own (Qwen 2)
 * @param routing how the experts are chosen otherwise than as the best scores, or null
 */
public record Experts(
        int count, int active, boolean renormalised, Integer dShared, boolean sharedGate, Routing routing) {

    /** The best scores choose. */
    public Experts(int count, int active, boolean renormalised, Integer dShared, boolean sharedGate) {
        this(count, active, renormalised, dShared, sharedGate, null);
    }

    /** Without a shared expert. */
    public Experts(int count, int active, boolean renormalised) {
        this(count, active, renormalised, null, false);
    }
}
