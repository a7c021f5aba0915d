package org.llminspector.checkpoint.gguf;

import org.llminspector.base.DType;

/**
 * Tensor type of ggml: plain numbers, or blocks of quantized ones.
 *
 * <p>Every block format decodes as {@code value = scale * code + min}, with one scale (and min) per group of weights.
 * Source: ggml-quants.c and gguf-py's quants.py.
 */
public enum GgmlType {
    F32(0, DType.F32),
    F16(1, DType.F16),
    Q4_0(2, 32, 18, 32, false, LegacyBlocks::q4),
    Q4_1(3, 32, 20, 32, true, LegacyBlocks::q4min),
    Q5_0(6, 32, 22, 32, false, LegacyBlocks::q5),
    Q5_1(7, 32, 24, 32, true, LegacyBlocks::q5min),
    Q8_0(8, 32, 34, 32, false, LegacyBlocks::q8),
    Q2_K(10, 256, 84, 16, true, KBlocks::q2),
    Q3_K(11, 256, 110, 16, false, KBlocks::q3),
    Q4_K(12, 256, 144, 32, true, KBlocks::q4),
    Q5_K(13, 256, 176, 32, true, KBlocks::q5),
    Q6_K(14, 256, 210, 16, false, KBlocks::q6),
    IQ4_NL(20, 32, 18, 32, false, Iq4Blocks::nl),
    IQ4_XS(23, 256, 136, 32, false, Iq4Blocks::xs),
    I8(24, DType.I8),
    I16(25, DType.I16),
    I32(26, DType.I32),
    I64(27, DType.I64),
    F64(28, DType.F64),
    BF16(30, DType.BF16),
    MXFP4(39, 32, 17, 32, false, Iq4Blocks::mxfp4);

    /** Most weights in a block. */
    static final int MAX_BLOCK = 256;
    /** Most groups in a block. */
    static final int MAX_GROUPS = 16;

    /** Unpacks one block into codes, scales and mins. */
    @FunctionalInterface
    interface Unpack {
        /**
         * @param b bytes of blocks
         * @param at first byte of this one
         * @param codes [block] integers that the scale multiplies
         * @param scales [groups]
         * @param mins [groups] offsets that are added; not written where the format has none
         */
        void block(byte[] b, int at, int[] codes, float[] scales, float[] mins);
    }

    private final int id;
    private final DType plain;
    private final int block;
    private final int bytes;
    private final int group;
    private final boolean hasMin;

    @SuppressWarnings("ImmutableEnumChecker") // a static method
    private final Unpack unpack;

    GgmlType(int id, DType plain) {
        this.id = id;
        this.plain = plain;
        this.block = 1;
        this.bytes = plain.bytes();
        this.group = 1;
        this.hasMin = false;
        this.unpack = null;
    }

    GgmlType(int id, int block, int bytes, int group, boolean hasMin, Unpack unpack) {
        this.id = id;
        this.plain = null;
        this.block = block;
        this.bytes = bytes;
        this.group = group;
        this.hasMin = hasMin;
        this.unpack = unpack;
    }

    /** The type with this number in the file, or null. */
    static GgmlType of(long id) {
        for (GgmlType t : values()) if (t.id == id) return t;
        return null;
    }

    /** Name of an existing type that is not supported here, or null. */
    static String unread(long id) {
        return switch ((int) id) {
            case 9 -> "Q8_1";
            case 15 -> "Q8_K";
            case 16 -> "IQ2_XXS";
            case 17 -> "IQ2_XS";
            case 18 -> "IQ3_XXS";
            case 19 -> "IQ1_S";
            case 21 -> "IQ3_S";
            case 22 -> "IQ2_S";
            case 29 -> "IQ1_M";
            case 34 -> "TQ1_0";
            case 35 -> "TQ2_0";
            default -> null;
        };
    }

    /** The number format of a plain type; null for blocks. */
    public DType plain() {
        return plain;
    }

    public boolean isBlocks() {
        return plain == null;
    }

    /** Weights per block; a block is within one row. */
    public int blockSize() {
        return block;
    }

    /** Bytes of a block. */
    public int blockBytes() {
        return bytes;
    }

    /** Weights that share a scale (and a min). */
    public int groupSize() {
        return group;
    }

    /** Whether groups have a min, which is added. */
    public boolean hasMin() {
        return hasMin;
    }

    Unpack unpack() {
        return unpack;
    }
}
