package org.llminspector.base;

/** Conversion of 16-bit and 8-bit float formats (IEEE 754 binary16, bfloat16, OCP FP8). */
public final class HalfFloats {

    private HalfFloats() {}

    public static float fromBf16(short bits) {
        return Float.intBitsToFloat(bits << 16);
    }

    /** Rounds to nearest, ties to even, as PyTorch does. */
    public static short toBf16(float value) {
        int bits = Float.floatToRawIntBits(value);
        if (Float.isNaN(value)) return (short) ((bits >>> 16) | 0x40);
        return (short) ((bits + 0x7FFF + ((bits >>> 16) & 1)) >>> 16);
    }

    public static float fromF16(short half) {
        int sign = (half & 0x8000) << 16;
        int exponent = (half >>> 10) & 0x1F;
        int mantissa = half & 0x3FF;
        if (exponent == 0x1F) return Float.intBitsToFloat(sign | 0x7F800000 | (mantissa << 13));
        if (exponent == 0) {
            float value = mantissa * 0x1p-24f;
            return sign == 0 ? value : -value;
        }
        return Float.intBitsToFloat(sign | ((exponent + 112) << 23) | (mantissa << 13));
    }

    /** Rounds to nearest, ties to even; values past 65,504 become infinite. */
    public static short toF16(float value) {
        int bits = Float.floatToRawIntBits(value);
        int sign = (bits >>> 16) & 0x8000;
        int abs = bits & 0x7FFFFFFF;
        if (abs > 0x7F800000) return (short) (sign | 0x7E00);
        if (abs >= 0x477FF000) return (short) (sign | 0x7C00);
        if (abs < 0x33000001) return (short) sign;
        if (abs < 0x38800000) {
            // Subnormal half: count in units of 2^-24.
            int mantissa = (abs & 0x7FFFFF) | 0x800000;
            int shift = 126 - (abs >>> 23);
            int kept = mantissa >>> shift;
            int lost = mantissa & ((1 << shift) - 1);
            int half = 1 << (shift - 1);
            if (lost > half || (lost == half && (kept & 1) == 1)) kept++;
            return (short) (sign | kept);
        }
        int rounded = abs + 0xFFF + ((abs >>> 13) & 1);
        return (short) (sign | ((rounded - 0x38000000) >>> 13));
    }

    /** FP8 with 4 exponent and 3 mantissa bits, no infinities, S.1111.111 is NaN (OCP FP8). */
    public static float fromE4m3(byte bits) {
        int exponent = (bits >>> 3) & 0xF;
        int mantissa = bits & 0x7;
        float sign = (bits & 0x80) == 0 ? 1f : -1f;
        if (exponent == 0xF && mantissa == 0x7) return Float.NaN;
        if (exponent == 0) return sign * mantissa * 0x1p-9f;
        return sign * Math.scalb(1f + mantissa / 8f, exponent - 7);
    }

    /** FP8 with 5 exponent and 2 mantissa bits: the upper byte of a binary16. */
    public static float fromE5m2(byte bits) {
        return fromF16((short) (bits << 8));
    }
}
