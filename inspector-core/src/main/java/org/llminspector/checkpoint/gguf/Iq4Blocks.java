package org.llminspector.checkpoint.gguf;

/** Decoders of 4-bit formats with 16 unevenly spaced levels; the returned code is the level. */
final class Iq4Blocks {

    private static final int[] LEVELS = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

    /** Twice the values of MXFP4's 4-bit floats (E2M1: sign, two exponent bits, one mantissa bit). */
    private static final int[] TWICE = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

    private Iq4Blocks() {}

    /** d, 16 x (low, high): d * level. */
    static void nl(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Bits.f16(b, at);
        LegacyBlocks.nibbles(b, at + 2, codes);
        for (int i = 0; i < 32; i++) codes[i] = LEVELS[codes[i]];
    }

    /** e, 16 x (low, high): 2^(e - 127) * level; the code is twice the level, so the scale is 2^(e - 128). */
    static void mxfp4(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scales[0] = Math.scalb(1f, (b[at] & 0xFF) - 128);
        LegacyBlocks.nibbles(b, at + 1, codes);
        for (int i = 0; i < 32; i++) codes[i] = TWICE[codes[i]];
    }

    /** d, 8 x upper 2 bits of the scales, 8 x their lower 4, 8 x 16 x (low, high). Groups of 32: d (sc - 32) level. */
    static void xs(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        float d = Bits.f16(b, at);
        int high = (b[at + 2] & 0xFF) | ((b[at + 3] & 0xFF) << 8);
        for (int g = 0; g < 8; g++) {
            int low = (b[at + 4 + g / 2] >>> (4 * (g & 1))) & 0xF;
            scales[g] = d * ((low | (((high >>> (2 * g)) & 3) << 4)) - 32);
            for (int i = 0; i < 16; i++) {
                int q = b[at + 8 + 16 * g + i];
                codes[32 * g + i] = LEVELS[q & 0xF];
                codes[32 * g + 16 + i] = LEVELS[(q >>> 4) & 0xF];
            }
        }
    }
}
