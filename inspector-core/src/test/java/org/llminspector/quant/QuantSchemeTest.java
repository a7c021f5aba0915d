package org.llminspector.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** The schemes against their definitions, by hand. */
class QuantSchemeTest {

    private static QuantizedTensor quantize(String scheme, float[] values, long... shape) {
        return QuantScheme.of(scheme).quantize(Tensor.of(values, shape), "tensor w");
    }

    @Test
    void symmetricInt8PerChannel() {
        // Row 0: scale 1; ties go to the even code. Row 1: scale 2 / 127.
        QuantizedTensor q =
                quantize("int8", new float[] {127, 0.5f, 1.5f, -2.5f, -127, 2, -1, 0.007874016f, 0, -0.02f}, 2, 5);

        assertThat(q.codes().toFloats()).containsExactly(127, 0, 2, -2, -127, 127, -64, 0, 0, -1);
        assertThat(q.scales().toFloats()).containsExactly(1f, 2f / 127);
        assertThat(q.scales().shape()).containsExactly(2, 1);
        assertThat(q.zeroPoints()).isNull();
        float s = 2f / 127;
        assertThat(q.decode().toFloats()).containsExactly(127, 0, 2, -2, -127, s * 127, s * -64, 0, 0, -s);
        assertThat(bytes(q)).isEqualTo(2 * 5 + 2 * 4);
    }

    @Test
    void twoBitsHaveThreeCodesOrFour() {
        QuantizedTensor q = quantize("int2-channel", new float[] {-2, 0.9f, 1, 1.1f, 2}, 1, 5);
        assertThat(q.codes().toFloats()).containsExactly(-1, 0, 0, 1, 1); // 0.5 is a tie
        assertThat(q.scales().toFloats()).containsExactly(2f);
        assertThat(bytes(q)).isEqualTo(2 + 4); // ten bits, and a scale
        QuantizedTensor asym = quantize("int2-channel-asym", new float[] {-1, 0, 1, 2}, 1, 4);
        assertThat(asym.codes().toFloats()).containsExactly(0, 1, 2, 3);
        assertThat(asym.zeroPoints().toFloats()).containsExactly(1);
        assertThat(asym.decode().toFloats()).containsExactly(-1, 0, 1, 2);
    }

    @Test
    void anyNumberOfBitsFromTwoToEightHasAName() {
        assertThat(QuantScheme.of("int3").name()).isEqualTo("int3-g32");
        assertThat(QuantScheme.of("int5-tensor-asym").bits()).isEqualTo(5);
        assertThat(QuantScheme.of("int6-g128").bytes(2, 256)).isEqualTo(2 * (192 + 2 * 4));
        assertThatThrownBy(() -> QuantScheme.of("int9")).isInstanceOf(Problem.class);
        assertThatThrownBy(() -> QuantScheme.of("int1-channel")).isInstanceOf(Problem.class);
    }

    @Test
    void onePerTensorScaleIsOfAllRows() {
        QuantizedTensor whole = quantize("int8-tensor", new float[] {1, 2, 3, -254}, 2, 2);

        assertThat(whole.scales().shape()).containsExactly(1, 1);
        assertThat(whole.scales().toFloats()).containsExactly(2f);
        assertThat(whole.codes().toFloats()).containsExactly(0, 1, 2, -127); // 0.5 and 1.5 are ties
        Quantizer rows = QuantScheme.of("int8-tensor").over(Tensor.of(new float[] {1, 2, 3, -254}, 2, 2), "w");
        assertThat(rows.rows(0, 1).codes().toFloats()).containsExactly(0, 1);
    }

    @Test
    void groupsAreCountedWithinARowAndTheLastMayBeShort() {
        QuantizedTensor q = quantize("int4-g2", new float[] {7, -3.5f, 14, 0, 0.7f, 0, 0, 0, 0, 70}, 2, 5);

        assertThat(q.groups()).isEqualTo(3);
        assertThat(q.scales().toFloats()).containsExactly(1f, 2f, 0.7f / 7, 0f, 0f, 10f);
        assertThat(q.codes().toFloats()).containsExactly(7, -4, 7, 0, 7, 0, 0, 0, 0, 7);
        assertThat(bytes(q)).isEqualTo(2 * 3 + 6 * 4);
    }

    @Test
    void asymmetricInt8UsesAllCodesAndHasZeroExactly() {
        QuantizedTensor q = quantize("int8-channel-asym", new float[] {-1, 0, 1.55f, 0.005f, 3, 4, 5, 255}, 2, 4);

        assertThat(q.scales().toFloats()).containsExactly((float) ((1.55f + 1.0) / 255), 1f);
        assertThat(q.zeroPoints().toFloats()).containsExactly(100, 0); // 1 / 0.01, 0 / 1
        assertThat(q.codes().toFloats()).containsExactly(0, 100, 255, 100, 3, 4, 5, 255);
        float s = (float) ((1.55f + 1.0) / 255);
        assertThat(q.decode().toFloats()).containsExactly(s * -100, 0, s * 155, 0, 3, 4, 5, 255);
        assertThat(bytes(q)).isEqualTo(8 + 2 * 4 + 2);
    }

    @Test
    void asymmetricInt4PacksZeroPointsToo() {
        QuantizedTensor q = quantize("int4-g2-asym", new float[] {-5, 10, -15, -3, 1, 1}, 1, 6);

        assertThat(q.scales().toFloats()).containsExactly(1, 1, (float) (1 / 15.0));
        assertThat(q.zeroPoints().toFloats()).containsExactly(5, 15, 0);
        assertThat(q.codes().toFloats()).containsExactly(0, 15, 0, 12, 15, 15);
        assertThat(bytes(q)).isEqualTo(3 + 3 * 4 + 2);
    }

    @Test
    void nf4TakesTheNearestLevelAndTheLowerOfTwo() {
        float[] w = new float[66];
        w[0] = -2; // the block's scale
        w[1] = 2;
        w[2] = 0.1f; // 0.05 is nearer to 0.0796 than to 0
        w[3] = 0.07f; // 0.035 is nearer to 0
        w[4] = 2 * 0.03979015f; // the middle of 0 and 0.0796: the lower one
        w[64] = 0.5f; // the row's short last block
        QuantizedTensor q = quantize("nf4", w, 1, 66);

        assertThat(q.scales().toFloats()).containsExactly(2, 0.5f);
        assertThat(q.codes().toFloats()).startsWith(0, 15, 8, 7, 7, 7).endsWith(15, 7);
        assertThat(q.decode().toFloats())
                .startsWith(-2, 2, 2 * 0.0795803f, 0, 0)
                .endsWith(0.5f, 0);
        assertThat(bytes(q)).isEqualTo(33 + 2 * 4);
    }

    @Test
    void halfFloatsAreTheirOwnCodes() {
        float[] w = {1.0009764f, 65504, -0.1f, 1e-8f};

        assertThat(quantize("fp16", w, 4).decode().toFloats()).containsExactly(1.0009766f, 65504, -0.099975586f, 0);
        assertThat(quantize("bf16", w, 4).decode().toFloats()).startsWith(1, 65536, -0x1.9ap-4f);
        assertThat(bytes(quantize("bf16", w, 4))).isEqualTo(8);
    }

    @Test
    void zerosAndWhatIsAlmostZeroHaveScaleZero() {
        float[] w = {0, -0f, Float.MIN_VALUE, -1e-38f};
        for (QuantScheme scheme : QuantScheme.standard()) {
            if (scheme instanceof HalfScheme) continue;
            QuantizedTensor q = scheme.quantize(Tensor.of(w, 2, 2), "w");
            if (scheme != NormalFloat.NF4)
                assertThat(q.codes().toFloats()).as(scheme.name()).containsOnly(0);
            assertThat(q.decode().toFloats()).as(scheme.name()).containsOnly(0f);
        }
    }

    @Test
    void whatIsNoNumberIsRefusedWithItsPlace() {
        for (QuantScheme scheme : QuantScheme.standard()) {
            for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
                float[] w = new float[400];
                w[253] = bad;
                assertThatThrownBy(() -> scheme.quantize(Tensor.of(w, 2, 200), "tensor w"))
                        .as(scheme.name())
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("tensor w[1, 53]")
                        .hasMessageContaining("found " + bad);
            }
        }
        assertThatThrownBy(() -> quantize("fp16", new float[] {1, 65520}, 2))
                .hasMessageContaining("does not fit fp16")
                .hasMessageContaining("w[1]")
                .hasMessageContaining("up to 65519.996");
        assertThatThrownBy(() -> quantize("int8-tensor-asym", new float[] {1, 2e38f}, 2))
                .hasMessageContaining("w[1]");
    }

    @Test
    void namesAreReadBackAndAnUnknownOneGetsTheClosest() {
        for (QuantScheme scheme : QuantScheme.standard()) {
            assertThat(QuantScheme.of(scheme.name())).isEqualTo(scheme);
            assertThat(scheme.definition()).isNotBlank();
        }
        assertThat(QuantScheme.of("int8").name()).isEqualTo("int8-channel");
        assertThat(QuantScheme.of("INT4").name()).isEqualTo("int4-g32");
        assertThat(QuantScheme.of("int4-g64-asym").name()).isEqualTo("int4-g64-asym");
        assertThatThrownBy(() -> QuantScheme.of("int8-chanel"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("closest: int8-channel");
        assertThatThrownBy(() -> QuantScheme.of("int4-g1")).isInstanceOf(Problem.class);
        assertThatThrownBy(() -> QuantScheme.of("int4-g99999")).isInstanceOf(Problem.class);
    }

    private static long bytes(QuantizedTensor q) {
        return q.scheme().bytes(q.rows(), q.cols());
    }
}
