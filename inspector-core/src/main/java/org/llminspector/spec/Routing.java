package org.llminspector.spec;

/**
 * Routing is how DeepSeek's mixtures choose otherwise than by the softmax's best: among groups of experts first (arXiv:2405.04434,
 * section 2.1.2), and by scores that a bias corrects (arXiv:2412.19437, section 2.1.2).
 *
 * @param sigmoid whether a score is the sigmoid of its logit, and not the softmax over all
 * @param choiceBias whether a bias is added to scores for the choice alone (the {@code e_score_correction_bias} of the files)
 * @param groups of as many experts each, which lie side by side; 1 for none (config {@code n_group})
 * @param activeGroups of them that experts are chosen from (config {@code topk_group})
 * @param groupBest how many of a group's best scores are its own score, their sum: 1 in DeepSeek V2, 2 in V3
 * @param factor on the chosen experts' weights (config {@code routed_scaling_factor})
 */
public record Routing(boolean sigmoid, boolean choiceBias, int groups, int activeGroups, int groupBest, float factor) {

    /** Less than its negative no score is: what is masked, or in a group that is not chosen, has that. */
    public static final float NEVER = 1e38f;

    /** Whether the softmax's best are chosen after all, and only {@code factor} is DeepSeek's. */
    public boolean choosesTheBest() {
        return groups == 1 && !sigmoid && !choiceBias;
    }
}
