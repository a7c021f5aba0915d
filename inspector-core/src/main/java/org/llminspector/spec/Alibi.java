package org.llminspector.spec;

import java.util.List;

/**
 * ALiBi: attention scores lowered linearly with the distance between query and key, instead of rotating both (Press et
 * al. 2021, arXiv:2108.12409).
 *
 * <p>{@link AlibiBias} computes the biases.
 *
 * @param slopes per head: decrease per position of distance
 * @param factor factor on the bias (Falcon scales it like q . k)
 * @param bf16 whether slopes and their products with positions are rounded to bfloat16 (Falcon)
 */
public record Alibi(List<Float> slopes, float factor, boolean bf16) {
    public Alibi {
        slopes = List.copyOf(slopes);
    }
}
