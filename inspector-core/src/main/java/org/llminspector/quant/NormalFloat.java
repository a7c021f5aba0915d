package org.llminspector.quant;

import org.llminspector.base.Tensor;

/**
 * NF4: 16 levels between -1 and 1, equally likely for normally distributed weights, times the largest absolute weight
 * of each block of 64.
 *
 * <p>{@code scale = max|w|} of 64 consecutive weights of a row (a row's last block may be shorter); {@code x = w /
 * scale} in float32; code = the number of thresholds below x, where a threshold is the midpoint of two levels in
 * float32, so that a tie goes to the lower one; {@code w' = scale * LEVELS[code]} in float32. A block of zeros (all
 * weights under 2^-126) has scale 0 and code 7. Scales stay float32 (no double quantization).
 *
 * <p>Source: Dettmers et al. 2023, QLoRA, arXiv 2305.14314; the levels are bitsandbytes' (functional.py). Its blocks
 * are over the flattened tensor, which is the same if a row's length is a multiple of 64.
 */
record NormalFloat(String name, int block) implements QuantScheme {

    static final NormalFloat NF4 = new NormalFloat("nf4", 64);

    static final int ZERO = 7;

    private static final float[] LEVELS = {
        -1.0f,
        -0.6961928f,
        -0.52507305f,
        -0.3949175f,
        -0.28444138f,
        -0.18477343f,
        -0.091050036f,
        0.0f,
        0.0795803f,
        0.1609302f,
        0.2461123f,
        0.33791524f,
        0.44070983f,
        0.562617f,
        0.72295684f,
        1.0f
    };
    private static final float[] THRESHOLDS = thresholds();

    private static float[] thresholds() {
        float[] t = new float[LEVELS.length - 1];
        for (int i = 0; i < t.length; i++) t[i] = (float) (((double) LEVELS[i] + LEVELS[i + 1]) / 2);
        return t;
    }

    static float level(int code) {
        return LEVELS[code];
    }

    /** The code of x in [-1, 1]. */
    static int code(float x) {
        int code = 0;
        for (float threshold : THRESHOLDS) code += x > threshold ? 1 : 0;
        return code;
    }

    @Override
    public String definition() {
        return "scale = max|w|, code = the nearest of 16 levels of a normal distribution to w / scale, w' = scale"
                + " level; over " + block + " weights of a row, in float32";
    }

    @Override
    public int bits() {
        return 4;
    }

    @Override
    public int groupSize(int cols) {
        return block;
    }

    @Override
    public long bytes(long rows, int cols) {
        return rows * ((cols + 1) / 2) + rows * ((cols + block - 1) / block) * Float.BYTES;
    }

    @Override
    public Quantizer over(Tensor weights, String where) {
        return new NormalQuantizer(this, weights, where);
    }
}
