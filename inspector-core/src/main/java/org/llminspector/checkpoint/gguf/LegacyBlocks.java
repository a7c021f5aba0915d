package org.llminspector.checkpoint.gguf;

/**
 * Decoders of ggml's first formats: 32 weights, one float16 scale {@code d} (and a float16 min {@code m}).
 *
 * <p>4-bit and 5-bit codes are stored in 16 bytes: weight j in the low half of byte j, weight j + 16 in the high half.
 */
final class LegacyBlocks {

    private LegacyBlocks() {}

    /** d, 16 x (low, high): d * (q - 8). */
    static void q4(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        nibbles(b, at + 2, codes);
        for (int i = 0; i < 32; i++) codes[i] -= 8;
    }

    /** d, m, 16 x (low, high): d * q + m. */
    static void q4min(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        mins[0] = Bits.f16(b, at + 2);
        nibbles(b, at + 4, codes);
    }

    /** d, 32 fifth bits, 16 x (low, high): d * (q - 16). */
    static void q5(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        nibbles(b, at + 6, codes);
        int high = Bits.i32(b, at + 2);
        for (int i = 0; i < 32; i++) codes[i] = (codes[i] | (((high >>> i) & 1) << 4)) - 16;
    }

    /** d, m, 32 fifth bits, 16 x (low, high): d * q + m. */
    static void q5min(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        mins[0] = Bits.f16(b, at + 2);
        nibbles(b, at + 8, codes);
        int high = Bits.i32(b, at + 4);
        for (int i = 0; i < 32; i++) codes[i] |= ((high >>> i) & 1) << 4;
    }

    /** d, 32 signed bytes: d * q. */
    static void q8(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        for (int i = 0; i < 32; i++) codes[i] = b[at + 2 + i];
    }

    static void nibbles(byte[] b, int at, int[] codes) {
        for (int i = 0; i < 16; i++) {
            codes[i] = b[at + i] & 0xF;
            codes[i + 16] = (b[at + i] >>> 4) & 0xF;
        }
    }
}
