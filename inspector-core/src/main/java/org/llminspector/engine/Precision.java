package org.llminspector.engine;

/** Number format of a model's weights while it runs. */
public enum Precision {
    FP32(32, 0),
    /** On CPU: FP16 weights, FP32 activations. On CUDA: FP16 matrix products. */
    FP16(16, 0),
    /** bfloat16 arithmetic; no engine here offers it yet. */
    BF16(16, 0),
    /** W8A8: one scale per output channel; activations in INT8 too, one scale per position. */
    INT8(8, 0),
    /** Weights only, 8 bits, one scale per 128 weights; a GGUF file's Q8_0 is used unchanged. */
    INT8_WEIGHT(8, 128),
    /** Weights only, 4 bits, one scale per 32 weights; a GGUF file's Q4_0 is used unchanged. */
    INT4_32(4, 32),
    /** Weights only, 4 bits, one scale per 128 weights. */
    INT4_128(4, 128);

    private final int bits;
    private final int block;

    Precision(int bits, int block) {
        this.bits = bits;
        this.block = block;
    }

    /** Bits of one weight. */
    public int bits() {
        return bits;
    }

    /** Weights that share a scale, where only weights are in few bits; else 0. */
    public int block() {
        return block;
    }

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
            case INT8_WEIGHT, INT4_32, INT4_128 -> bits / 8.0 + 4.0 / block;
        };
    }

    /** Whether only the weights are in few bits, so that a {@link Kernel} has to be chosen. */
    public boolean weightOnly() {
        return block > 0;
    }
}
