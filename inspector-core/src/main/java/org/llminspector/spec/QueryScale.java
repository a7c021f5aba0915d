package org.llminspector.spec;

/**
 * A factor of queries that grows with the position, {@code 1 + beta ln(1 + floor((position + first) / every))}, so that
 * attention stays sharp over long texts (Nakanishi 2025, arXiv:2501.19399; Llama 4, Ministral 3).
 *
 * @param beta strength (config {@code attn_scale}, {@code llama_4_scaling_beta})
 * @param every positions per step (config {@code floor_scale}, {@code original_max_position_embeddings})
 * @param first what the first position counts as: 1 in Llama 4, 0 in Ministral 3
 */
public record QueryScale(float beta, int every, int first) {

    /** The factors at positions [from, from + count). */
    public float[] at(int from, int count) {
        float[] factors = new float[count];
        for (int p = 0; p < count; p++)
            factors[p] = (float) (1 + beta * Math.log(1 + Math.floor((from + p + first) / (double) every)));
        return factors;
    }
}
