package org.llminspector.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Tensor;

/** Errors weighted by the mean squares of what a weight's columns read. */
class WeightedErrorTest {

    private static final double[] MEANS = {4, 0.25, 0, 1, 9, 0.0625};

    private static Tensor weight(int rows, int cols, boolean transposed) {
        float[] w = new float[rows * cols];
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < cols; j++) {
                float value = ((i * 7 + j * 5) % 11 - 5) / 8f;
                w[transposed ? j * rows + i : i * cols + j] = value;
            }
        }
        return transposed ? Tensor.of(w, cols, rows) : Tensor.of(w, rows, cols);
    }

    private static QuantError of(Tensor w, String scheme, double[] means) {
        return QuantScheme.of(scheme).over(w, "w").result(means, () -> false).error();
    }

    /** numpy 2: w, s = max |w| / 7 a row, q = rint(w / s) s in float32; the sums in float64. */
    @Test
    void theNumbersAreNumpys() {
        QuantError e = of(weight(4, 6, false), "int4-channel", MEANS);
        assertThat(e.weighted().relative()).isCloseTo(0.04921904056253368, within(1e-15));
        assertThat(e.relative()).isCloseTo(0.057257467920051174, within(1e-15));
        assertThat(e.weighted().norm()).isCloseTo(3.1719904535638186, within(1e-14));
        assertThat(e.weighted().sqnrDb())
                .isCloseTo(-20 * Math.log10(e.weighted().relative()), within(1e-12));
    }

    @Test
    void equalMeansGiveTheErrorWithoutThem() {
        double[] equal = new double[6];
        Arrays.fill(equal, 3.5);
        for (QuantScheme scheme : QuantScheme.standard()) {
            QuantError e = of(weight(32, 6, false), scheme.name(), equal);
            assertThat(e.weighted().relative()).as(scheme.name()).isCloseTo(e.relative(), within(1e-14));
            assertThat(e.weighted().norm()).isCloseTo(Math.sqrt(3.5) * e.norm(), within(1e-12));
            assertThat(of(weight(32, 6, false), scheme.name(), null).weighted()).isNull();
        }
    }

    /** Inputs of which one channel at a time is not 0 are uncorrelated: the mean of |(W - W') x|^2 computed at once is the measure. */
    @Test
    void theOutputsErrorOfUncorrelatedInputs() {
        Tensor w = weight(9, 6, false);
        float[] x = {2.5f, -0.5f, 0, 1, -3, 0.125f};
        double[] means = new double[6];
        for (int j = 0; j < 6; j++) means[j] = (double) x[j] * x[j] / 6;
        float[] was = w.toFloats();
        float[] is = QuantScheme.of("int4-channel").quantize(w, "w").decode().toFloats();
        double noise = 0;
        double signal = 0;
        for (int sample = 0; sample < 6; sample++) {
            for (int i = 0; i < 9; i++) {
                double y = (double) was[i * 6 + sample] * x[sample];
                double error = y - (double) is[i * 6 + sample] * x[sample];
                signal += y * y / 6;
                noise += error * error / 6;
            }
        }
        QuantError e = of(w, "int4-channel", means);
        assertThat(e.weighted().relative()).isCloseTo(Math.sqrt(noise / signal), within(1e-12));
        assertThat(e.weighted().norm()).isCloseTo(Math.sqrt(signal), within(1e-12));
    }

    /** Means are of columns: of a transposed matrix, square so that both take them, they give another number. */
    @Test
    void aTransposedWeightGivesAnotherNumber() {
        double right = of(weight(6, 6, false), "int4-tensor", MEANS).weighted().relative();
        double wrong = of(weight(6, 6, true), "int4-tensor", MEANS).weighted().relative();
        assertThat(Math.abs(right - wrong)).isGreaterThan(0.01 * right);
        assertThatThrownBy(() -> of(weight(4, 6, true), "int4", MEANS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("6 mean squares of 4 columns");
    }

    /** A channel that nothing is read from costs nothing. */
    @Test
    void aDeadChannelCostsNothing() {
        Tensor w = Tensor.of(new float[] {1, 0.3f, -1, 0.4f}, 2, 2);
        QuantError e = of(w, "int4-channel", new double[] {2, 0});
        assertThat(e.relative()).isPositive();
        assertThat(e.weighted().relative()).isZero();
        assertThat(e.weighted().sqnrDb()).isNull();
    }
}
