package org.llminspector.spec;

import org.llminspector.base.Built;

/**
 * Expert choice of DeepSeek's mixtures where it differs from the softmax's top scores: limited to the best groups of
 * experts (arXiv:2405.04434, section 2.1.2), and by bias-corrected scores (arXiv:2412.19437, section 2.1.2).
 *
 * @param sigmoid whether scores are sigmoids of the logits, not their softmax
 * @param choiceBias whether a bias is added to scores for the choice only (the {@code e_score_correction_bias} of the
 *     files)
 * @param groups number of groups of consecutive experts, all of one size; 1 for none (config {@code n_group})
 * @param activeGroups number of groups that experts are chosen from (config {@code topk_group})
 * @param groupBest a group's score is the sum of this many of its best scores: 1 in DeepSeek V2, 2 in V3
 * @param jitter SparseMixer's (arXiv:2409.12136), or null: the best expert's weight is its share of the softmax over the
 *     experts whose logits are within 2 jitter of the highest, relative to the larger magnitude of the two; then the same
 *     without it (config {@code router_jitter_noise})
 * @param factor factor on the chosen experts' weights (config {@code routed_scaling_factor})
 */
@Built
public record Routing(
        boolean sigmoid, boolean choiceBias, int groups, int activeGroups, int groupBest, Float jitter, float factor) {

    /** Without SparseMixer. */
    public Routing(boolean sigmoid, boolean choiceBias, int groups, int activeGroups, int groupBest, float factor) {
        this(sigmoid, choiceBias, groups, activeGroups, groupBest, null, factor);
    }

    /** Its negative is the score of masked experts and of those outside the chosen groups, below any other. */
    public static final float NEVER = 1e38f;

    /** Whether the choice is simply the top scores of the softmax; {@code factor} may still apply. */
    public boolean choosesTheBest() {
        return groups == 1 && !sigmoid && !choiceBias && jitter == null;
    }
}
