package org.llminspector.checkpoint.gguf;

/** Decoders of ggml's k-quants: 256 weights in groups of 16 or 32, whose scales are integers times one float16. */
final class KBlocks {

    private KBlocks() {}

    /** 16 x (scale, min in 4 bits), 64 bytes of 2-bit codes, d, dmin. Groups of 16: d sc q - dmin m. */
    static void q2(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        float d = Bits.f16(b, at + 80);
        float dmin = Bits.f16(b, at + 82);
        for (int g = 0; g < 16; g++) {
            scales[g] = d * (b[at + g] & 0xF);
            mins[g] = -(dmin * ((b[at + g] >>> 4) & 0xF));
        }
        twoBits(b, at + 16, codes);
    }

    /** 32 bytes of third bits, 64 bytes of 2-bit codes, 12 bytes of 6-bit scales, d. Groups of 16: d (sc - 32) q. */
    static void q3(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        float d = Bits.f16(b, at + 108);
        int s = at + 96;
        for (int g = 0; g < 16; g++) {
            int low = (b[s + (g & 7)] >>> (g < 8 ? 0 : 4)) & 0xF;
            int high = (b[s + 8 + (g & 3)] >>> (2 * (g >>> 2))) & 3;
            scales[g] = d * ((low | (high << 4)) - 32);
        }
        twoBits(b, at + 32, codes);
        // An unset third bit subtracts 4.
        for (int i = 0; i < 256; i++) {
            if (((b[at + (i & 31)] >>> (i >>> 5)) & 1) == 0) codes[i] -= 4;
        }
    }

    /** d, dmin, 12 bytes of 6-bit scales and mins, 128 bytes of 4-bit codes. Groups of 32: d sc q - dmin m. */
    static void q4(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scalesAndMins(b, at, scales, mins);
        fourBits(b, at + 16, codes);
    }

    /** As q4, with 32 bytes of fifth bits before the codes. */
    static void q5(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        scalesAndMins(b, at, scales, mins);
        fourBits(b, at + 48, codes);
        for (int i = 0; i < 256; i++) codes[i] |= ((b[at + 16 + (i & 31)] >>> (i >>> 5)) & 1) << 4;
    }

    /** 128 bytes of low 4 bits, 64 bytes of high 2 bits, 16 signed scales, d. Groups of 16: d sc (q - 32). */
    static void q6(byte[] b, int at, int[] codes, float[] scales, float[] mins) {
        float d = Bits.f16(b, at + 208);
        for (int g = 0; g < 16; g++) scales[g] = d * b[at + 192 + g];
        for (int half = 0; half < 2; half++) {
            int low = at + 64 * half;
            int high = at + 128 + 32 * half;
            int to = 128 * half;
            for (int i = 0; i < 64; i++) {
                codes[to + i] = b[low + i] & 0xF;
                codes[to + 64 + i] = (b[low + i] >>> 4) & 0xF;
            }
            for (int i = 0; i < 128; i++) {
                codes[to + i] = (codes[to + i] | (((b[high + (i & 31)] >>> (2 * (i >>> 5))) & 3) << 4)) - 32;
            }
        }
    }

    /** Two halves of 128: byte i holds weights i, i + 32, i + 64, i + 96. */
    private static void twoBits(byte[] b, int at, int[] codes) {
        for (int half = 0; half < 2; half++) {
            for (int i = 0; i < 32; i++) {
                int q = b[at + 32 * half + i];
                int to = 128 * half + i;
                codes[to] = q & 3;
                codes[to + 32] = (q >>> 2) & 3;
                codes[to + 64] = (q >>> 4) & 3;
                codes[to + 96] = (q >>> 6) & 3;
            }
        }
    }

    /** Four quarters of 64: byte i holds weights i and i + 32. */
    private static void fourBits(byte[] b, int at, int[] codes) {
        for (int quarter = 0; quarter < 4; quarter++) {
            for (int i = 0; i < 32; i++) {
                int q = b[at + 32 * quarter + i];
                codes[64 * quarter + i] = q & 0xF;
                codes[64 * quarter + 32 + i] = (q >>> 4) & 0xF;
            }
        }
    }

    /** 8 scales and 8 mins of 6 bits; the upper 2 bits of the last four are in the bytes of the first four. */
    private static void scalesAndMins(byte[] b, int at, float[] scales, float[] mins) {
        float d = Bits.f16(b, at);
        float dmin = Bits.f16(b, at + 2);
        int s = at + 4;
        for (int g = 0; g < 4; g++) {
            scales[g] = d * (b[s + g] & 0x3F);
            mins[g] = -(dmin * (b[s + 4 + g] & 0x3F));
            scales[g + 4] = d * ((b[s + 8 + g] & 0xF) | ((b[s + g] >>> 2) & 0x30));
            mins[g + 4] = -(dmin * (((b[s + 8 + g] >>> 4) & 0xF) | ((b[s + 4 + g] >>> 2) & 0x30)));
        }
    }
}
