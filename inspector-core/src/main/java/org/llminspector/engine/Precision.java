package org.llminspector.engine;

/** Number format of a model's weights while it runs. */
public enum Precision {
    FP32,
    /** On CPU: FP16 weights, FP32 activations. On CUDA: FP16 matrix products. */
    FP16,
    /** bfloat16 arithmetic; no engine here offers it yet. */
    BF16,
    /** W8A8: one scale per output channel; activations in INT8 too, one scale per position. */
    INT8,
    /** Weights only, 8 bits, one scale per 128 weights; a GGUF file's Q8_0 is used unchanged. */
    INT8_WEIGHT,
    /** Weights only, 4 bits, one scale per 32 weights; a GGUF file's Q4_0 is used unchanged. */
    INT4_32,
    /** Weights only, 4 bits, one scale per 128 weights. */
    INT4_128;

    /** The name in requests. */
    public String label() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }

    /**
     * Bytes of one weight, its share of the scales included.
     *
     * @param in weights in a row
     * @param half bytes that a 16-bit float is kept in
     */
    public double bytes(long in, int half) {
        return switch (this) {
            case FP32 -> 4;
            case FP16, BF16 -> half;
            case INT8 -> 1 + 4.0 / in;
            case INT8_WEIGHT -> 1 + 4.0 / 128;
            case INT4_32 -> 0.5 + 4.0 / 32;
            case INT4_128 -> 0.5 + 4.0 / 128;
        };
    }

    /** Whether only the weights are in few bits, so that a {@link Kernel} has to be chosen. */
    public boolean weightOnly() {
        return this == INT8_WEIGHT || this == INT4_32 || this == INT4_128;
    }
}
