package org.llminspector.quant;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** What holds for every weight under every scheme. */
class QuantSchemePropertyTest {

    @Provide
    Arbitrary<QuantScheme> schemes() {
        return Arbitraries.of(QuantScheme.standard());
    }

    @Provide
    Arbitrary<QuantScheme> integers() {
        Stream<QuantScheme> all = IntStream.rangeClosed(2, 8).boxed().flatMap(b -> Stream.of(
                        "tensor", "channel", "g2", "g32", "g128")
                .flatMap(span -> Stream.of("", "-asym").map(asym -> QuantScheme.of("int" + b + "-" + span + asym))));
        return Arbitraries.of(all.toList());
    }

    /** Matrices of 3 rows: ordinary weights, zeros, and the ends of float32. */
    @Provide
    Arbitrary<Tensor> matrices() {
        Arbitrary<Float> weight = Arbitraries.frequencyOf(
                net.jqwik.api.Tuple.of(8, Arbitraries.floats().between(-1f, 1f)),
                net.jqwik.api.Tuple.of(2, Arbitraries.floats().between(-60_000f, 60_000f)),
                net.jqwik.api.Tuple.of(1, Arbitraries.of(0f, -0f, 1e-30f)));
        return Arbitraries.integers().between(1, 140).flatMap(cols -> weight.array(float[].class)
                .ofSize(3 * cols)
                .map(values -> Tensor.of(values, 3, cols)));
    }

    @Provide
    Arbitrary<Tensor> extremes() {
        return Arbitraries.of(0x1p127f, -0x1p127f, Float.MIN_NORMAL, Float.MIN_VALUE, 1e-36f, 1e38f, 1f, 0f)
                .array(float[].class)
                .ofSize(24)
                .map(values -> Tensor.of(values, 3, 8));
    }

    @Property(tries = 300)
    void noIntegerSchemeIsOffByMoreThanHalfAScale(
            @ForAll("matrices") Tensor w, @ForAll("integers") QuantScheme scheme) {
        within(w, scheme);
    }

    @Property(tries = 200)
    void norAtTheEndsOfFloat32(@ForAll("extremes") Tensor w, @ForAll("integers") QuantScheme scheme) {
        within(w, scheme);
    }

    private static void within(Tensor w, QuantScheme scheme) {
        QuantizedTensor q = scheme.quantize(w, "w");
        float[] was = w.toFloats();
        float[] is = q.decode().toFloats();
        for (int i = 0; i < was.length; i++) {
            int r = i / q.cols();
            int g = q.scales().size() == 1 ? 0 : r * q.groups() + i % q.cols() / scheme.groupSize(q.cols());
            double scale = q.scales().get(g);
            // A scale of 0 stands for weights whose scale would be below 2^-126.
            double bound = scale == 0 ? 256 * 0x1p-126 : scale / 2 + Math.abs((double) was[i]) * 0x1p-22;
            assertThat(Math.abs((double) was[i] - is[i]))
                    .as("%s, weight %d", scheme.name(), i)
                    .isLessThanOrEqualTo(bound);
        }
    }

    /** Only symmetric: an asymmetric zero point moves when the ends of the range were themselves rounded. */
    @Property(tries = 300)
    void codesAreKeptWhenTheirNumbersAreQuantizedAgain(
            @ForAll("matrices") Tensor w, @ForAll("schemes") QuantScheme scheme) {
        if (scheme instanceof IntScheme i && !i.symmetric()) return;
        QuantizedTensor once = scheme.quantize(w, "w");
        QuantizedTensor twice = scheme.quantize(once.decode(), "w");
        assertThat(twice.codes().toFloats())
                .as(scheme.name())
                .isEqualTo(once.codes().toFloats());
    }

    @Property(tries = 300)
    void codesStayInTheirRange(@ForAll("extremes") Tensor w, @ForAll("integers") QuantScheme scheme) {
        IntScheme s = (IntScheme) scheme;
        for (float code : s.quantize(w, "w").codes().toFloats()) {
            assertThat(code).isBetween(s.symmetric() ? -(float) s.high() : 0f, (float) s.high());
        }
    }

    @Property(tries = 200)
    void rowsAreCodedAloneAsTheyAreInTheWhole(@ForAll("matrices") Tensor w, @ForAll("schemes") QuantScheme scheme) {
        QuantizedTensor whole = scheme.quantize(w, "w");
        QuantizedTensor part = scheme.over(w, "w").rows(1, 3);
        assertThat(part.codes().toFloats()).isEqualTo(whole.codes().rows(1, 3).toFloats());
        assertThat(part.decode().toFloats()).isEqualTo(whole.decode().rows(1, 3).toFloats());
    }

    @Property(tries = 200)
    void nf4IsTheNearestLevel(@ForAll("matrices") Tensor w) {
        QuantizedTensor q = NormalFloat.NF4.quantize(w, "w");
        float[] was = w.toFloats();
        for (int i = 0; i < was.length; i++) {
            float scale = (float) q.scales().get((long) i / q.cols() * q.groups() + i % q.cols() / 64);
            if (scale == 0) continue;
            int code = (int) q.codes().get(i);
            double x = (double) was[i] / scale;
            double off = Math.abs(x - NormalFloat.level(code));
            for (int other = 0; other < 16; other++) {
                assertThat(off).isLessThanOrEqualTo(Math.abs(x - NormalFloat.level(other)) + 1e-7);
            }
        }
    }

    @Property(tries = 50)
    void aHalfFloatOfAHalfFloatIsItself(@ForAll short bits) {
        Tensor half = Tensor.of(DType.BF16, java.nio.ByteBuffer.wrap(new byte[] {(byte) bits, (byte) (bits >>> 8)}), 1);
        if (!Float.isFinite((float) half.get(0))) return;
        QuantizedTensor q = HalfScheme.BF16.quantize(half, "w");
        assertThat(q.codes().data()).isEqualTo(half.data());
    }
}
