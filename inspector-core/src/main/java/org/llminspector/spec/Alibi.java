package org.llminspector.spec;

import java.util.List;

/**
 * Alibi lowers a score the more, the farther the key stands behind the query (Press et al. 2021, arXiv:2108.12409), instead of
 * turning the two.
 *
 * <p>{@link AlibiBias} computes what is added.
 *
 * @param slopes of the heads: what a position of distance takes
 * @param factor on all of it (Falcon scales it as it does q . k)
 * @param bf16 whether slopes and their products with positions are rounded to bfloat16 (Falcon)
 */
public record Alibi(List<Float> slopes, float factor, boolean bf16) {
    public Alibi {
        slopes = List.copyOf(slopes);
    }
}
