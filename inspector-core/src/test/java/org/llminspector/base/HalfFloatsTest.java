package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** HalfFloats against the definitions of the formats; numbers.safetensors holds PyTorch's word in SafetensorsNumbersTest. */
class HalfFloatsTest {

    @Test
    void everyF16CodeHasTheValueOfItsDefinition() {
        for (int code = 0; code < 65_536; code++) {
            float actual = HalfFloats.fromF16((short) code);
            double expected = ieee(code, 5, 10);
            if (Double.isNaN(expected)) assertThat(actual).isNaN();
            else assertThat((double) actual).as("0x%04x", code).isEqualTo(expected);
        }
    }

    @Test
    void everyF16CodeSurvivesTheRoundTrip() {
        for (int code = 0; code < 65_536; code++) {
            short back = HalfFloats.toF16(HalfFloats.fromF16((short) code));
            boolean nan = (code & 0x7C00) == 0x7C00 && (code & 0x3FF) != 0;
            if (nan) assertThat(HalfFloats.fromF16(back)).isNaN();
            else assertThat(back).as("0x%04x", code).isEqualTo((short) code);
        }
    }

    @Test
    void betweenTwoF16NeighboursTheNearerWinsAndTiesGoToEven() {
        for (int code = 0; code < 0x7BFF; code++) {
            float low = HalfFloats.fromF16((short) code);
            float high = HalfFloats.fromF16((short) (code + 1));
            float middle = (low + high) / 2; // exact: float32 has 13 bits to spare
            short even = (short) ((code & 1) == 0 ? code : code + 1);
            assertThat(HalfFloats.toF16(middle)).as("tie above 0x%04x", code).isEqualTo(even);
            assertThat(HalfFloats.toF16(Math.nextDown(middle))).isEqualTo((short) code);
            assertThat(HalfFloats.toF16(Math.nextUp(middle))).isEqualTo((short) (code + 1));
            assertThat(HalfFloats.toF16(-middle)).isEqualTo((short) (even | 0x8000));
        }
    }

    @Test
    void f16OverflowsToInfinityFromHalfAStepPastTheLargest() {
        assertThat(HalfFloats.toF16(65_504f)).isEqualTo((short) 0x7BFF);
        assertThat(HalfFloats.toF16(Math.nextDown(65_520f))).isEqualTo((short) 0x7BFF);
        assertThat(HalfFloats.toF16(65_520f)).isEqualTo((short) 0x7C00);
        assertThat(HalfFloats.toF16(Float.MAX_VALUE)).isEqualTo((short) 0x7C00);
        assertThat(HalfFloats.toF16(Float.NEGATIVE_INFINITY)).isEqualTo((short) 0xFC00);
    }

    @Test
    void everyBf16CodeHasTheValueOfItsDefinitionAndSurvivesTheRoundTrip() {
        for (int code = 0; code < 65_536; code++) {
            float actual = HalfFloats.fromBf16((short) code);
            double expected = ieee(code, 8, 7);
            if (Double.isNaN(expected)) {
                assertThat(actual).isNaN();
                assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(actual))).isNaN();
            } else {
                assertThat((double) actual).as("0x%04x", code).isEqualTo(expected);
                assertThat(HalfFloats.toBf16(actual)).isEqualTo((short) code);
            }
        }
    }

    @Test
    void bf16RoundsToNearestTiesToEven() {
        assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3F808000))).isEqualTo((short) 0x3F80);
        assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3F818000))).isEqualTo((short) 0x3F82);
        assertThat(HalfFloats.toBf16(Float.intBitsToFloat(0x3F808001))).isEqualTo((short) 0x3F81);
        assertThat(HalfFloats.toBf16(Float.MAX_VALUE)).isEqualTo((short) 0x7F80);
        assertThat(HalfFloats.fromBf16(HalfFloats.toBf16(Float.intBitsToFloat(0x7F800001))))
                .isNaN();
    }

    @Test
    void everyFp8CodeHasTheValueOfItsDefinition() {
        for (int code = 0; code < 256; code++) {
            float e5m2 = HalfFloats.fromE5m2((byte) code);
            double expected = ieee(code, 5, 2);
            if (Double.isNaN(expected)) assertThat(e5m2).isNaN();
            else assertThat((double) e5m2).as("0x%02x", code).isEqualTo(expected);

            float e4m3 = HalfFloats.fromE4m3((byte) code);
            int exponent = code >> 3 & 15;
            int mantissa = code & 7;
            double magnitude =
                    exponent == 0 ? mantissa * Math.pow(2, -9) : (8 + mantissa) / 8.0 * Math.pow(2, exponent - 7);
            if ((code & 0x7F) == 0x7F) assertThat(e4m3).isNaN();
            else assertThat((double) e4m3).as("0x%02x", code).isEqualTo(code < 128 ? magnitude : -magnitude);
        }
        assertThat(HalfFloats.fromE4m3((byte) 0x7E)).isEqualTo(448f);
        assertThat(HalfFloats.fromE5m2((byte) 0x7B)).isEqualTo(57_344f);
    }

    /** The value of an IEEE-like code, from the definition. */
    private static double ieee(int code, int exponentBits, int mantissaBits) {
        int mantissa = code & ((1 << mantissaBits) - 1);
        int exponent = code >> mantissaBits & ((1 << exponentBits) - 1);
        int bias = (1 << (exponentBits - 1)) - 1;
        double sign = (code >> (mantissaBits + exponentBits) & 1) == 0 ? 1 : -1;
        double fraction = mantissa / (double) (1 << mantissaBits);
        if (exponent == (1 << exponentBits) - 1) return mantissa == 0 ? sign / 0.0 : Double.NaN;
        return sign
                * (exponent == 0 ? fraction * Math.pow(2, 1 - bias) : (1 + fraction) * Math.pow(2, exponent - bias));
    }
}
