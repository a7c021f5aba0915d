package org.llminspector.spec;

import org.llminspector.base.Built;

/**
 * Mixture-of-experts settings of an MLP (Shazeer et al. 2017): a router scores all experts for each token, and the
 * output is the sum of the top experts' outputs, weighted by their scores.
 *
 * <p>The scores are the softmax of the router's logits over all experts, unless {@link Routing} says otherwise.
 *
 * @param count experts (config {@code num_experts}, {@code num_local_experts})
 * @param active experts per token, its slots, best score first (config {@code num_experts_per_tok})
 * @param renormalised whether the chosen scores are divided by their sum, which is the softmax over the chosen logits
 *     alone (config {@code norm_topk_prob})
 * @param dShared neurons of the shared expert that processes every token, or null for none
 * @param sharedGate whether the shared expert's output is multiplied by a learned sigmoid gate (Qwen 2)
 * @param sumEpsilon added to the sum that they are divided by (LFM2)
 * @param weighsInput whether an expert's input is multiplied by its score, not its output (Llama 4)
 * @param routing other rules for choosing experts, or null for the top scores
 * @param parallelNorm norm of what the experts read of the stream, and of both answers, where they are parallel to a dense MLP,
 *     the shared expert here; router scores of the normed stream are of learned scales (Gemma 4); or null
 */
@Built
public record Experts(
        int count,
        int active,
        boolean renormalised,
        Integer dShared,
        boolean sharedGate,
        float sumEpsilon,
        boolean weighsInput,
        Routing routing,
        Norm parallelNorm) {

    public Experts(int count, int active, boolean renormalised, Integer dShared, boolean sharedGate, Routing routing) {
        this(count, active, renormalised, dShared, sharedGate, 0, false, routing, null);
    }

    /** The top scores chosen, without a shared expert. */
    public Experts(int count, int active, boolean renormalised) {
        this(count, active, renormalised, null, false, null);
    }
}
