package org.llminspector.analysis.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;
import org.llminspector.analysis.output.Divergence.Metric;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookPoint;

/** Distances on values small enough to work out by hand. */
public class DivergenceTest {

    private static final float INF = Float.POSITIVE_INFINITY;

    @Test
    void positionsAreMeasuredOneByOneAndTogether() {
        Tensor a = Tensor.of(new float[] {3, 4, 0, 5}, 1, 2, 2);
        Tensor b = Tensor.of(new float[] {3, 4, 5, 0}, 1, 2, 2);
        Divergence d = Divergence.of(HookPoint.RESID_POST, a, b);
        assertThat(d.at(0)).isEqualTo(new Divergence.Distance(1, 0, 0, Double.POSITIVE_INFINITY));
        assertThat(d.at(1).cosine()).isZero();
        assertThat(d.at(1).relativeL2()).isCloseTo(Math.sqrt(2), within(1e-15));
        assertThat(d.at(1).maxAbs()).isEqualTo(5);
        assertThat(d.at(1).sqnr()).isCloseTo(-10 * Math.log10(2), within(1e-12));
        assertThat(d.all().cosine()).isCloseTo(0.5, within(1e-15));
        assertThat(d.all().relativeL2()).isCloseTo(1, within(1e-15));
        assertThat(d.row(Metric.MAX_ABS)).containsExactly(0, 5);
        assertThat(d.firstPast(0)).isEqualTo(1);
        assertThat(d.firstPast(1.5)).isEqualTo(-1);
        assertThat(d.heads()).isNull();
    }

    @Test
    void headsLieAfterThePositionOrBeforeTheQuery() {
        // [1, pos 2, head 2, d_head 1]: only head 1 of position 0 differs
        Divergence z = Divergence.of(
                HookPoint.Z,
                Tensor.of(new float[] {1, 2, 3, 4}, 1, 2, 2, 1),
                Tensor.of(new float[] {1, 0, 3, 4}, 1, 2, 2, 1));
        assertThat(z.heads()[0]).containsExactly(0, 0);
        assertThat(z.heads()[1]).containsExactly(1, 0);
        // [1, head 2, query 2, key 2]: only head 1, query 1
        Divergence pattern = Divergence.of(
                HookPoint.PATTERN,
                Tensor.of(new float[] {1, 0, .5f, .5f, 1, 0, 1, 0}, 1, 2, 2, 2),
                Tensor.of(new float[] {1, 0, .5f, .5f, 1, 0, 0, 1}, 1, 2, 2, 2));
        assertThat(pattern.at(0).relativeL2()).isZero();
        assertThat(pattern.at(1).relativeL2()).isPositive();
        assertThat(pattern.heads()[0]).containsExactly(0, 0);
        assertThat(pattern.heads()[1]).containsExactly(0, (float) Math.log(2)); // disjoint: the most there is
    }

    @Test
    void maskedScoresAreEqualAndAMaskOnOneSideIsInfinitelyFar() {
        Tensor a = Tensor.of(new float[] {1, -INF, 2, 3}, 1, 1, 2, 2);
        assertThat(Divergence.of(HookPoint.ATTN_SCORES, a, a).all())
                .isEqualTo(new Divergence.Distance(1, 0, 0, Double.POSITIVE_INFINITY));
        Tensor b = Tensor.of(new float[] {1, 0, 2, 3}, 1, 1, 2, 2);
        Divergence d = Divergence.of(HookPoint.ATTN_SCORES, a, b);
        assertThat(d.at(0).maxAbs()).isInfinite();
        assertThat(d.at(0).relativeL2()).isInfinite();
        assertThat(d.at(1).relativeL2()).isZero();
        Tensor nan = Tensor.of(new float[] {1, -INF, Float.NaN, 3}, 1, 1, 2, 2);
        assertThat(Divergence.of(HookPoint.ATTN_SCORES, a, nan).firstPast(0)).isEqualTo(1);
    }

    @Test
    void zeroVectorsHaveADistanceToo() {
        Tensor zero = Tensor.of(new float[2], 1, 1, 2);
        Tensor one = Tensor.of(new float[] {1, 0}, 1, 1, 2);
        assertThat(Divergence.of(HookPoint.EMBED, zero, zero).at(0).cosine()).isEqualTo(1);
        assertThat(Divergence.of(HookPoint.EMBED, zero, one).at(0).relativeL2()).isInfinite();
        assertThat(Divergence.of(HookPoint.EMBED, zero, one).at(0).cosine()).isZero();
        assertThat(Divergence.of(HookPoint.EMBED, one, zero).at(0).relativeL2()).isEqualTo(1);
        assertThatThrownBy(() -> Divergence.of(HookPoint.EMBED, one, Tensor.of(new float[1], 1, 1, 1)))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void anErrorIsWhatWasMadeHerePlusWhatWasInherited() {
        Tensor a = Tensor.of(new float[] {3, 4}, 1, 1, 2);
        Tensor b = Tensor.of(new float[] {3, 7}, 1, 1, 2);
        ErrorSplit same = ErrorSplit.of(a, b, Tensor.of(new float[] {3, 5}, 1, 1, 2));
        assertThat(same).isEqualTo(new ErrorSplit(0.6, 0.2, 0.4, 1.0));
        ErrorSplit cancelling = ErrorSplit.of(a, a, Tensor.of(new float[] {3, 5}, 1, 1, 2));
        assertThat(cancelling).isEqualTo(new ErrorSplit(0, 0.2, 0.2, -1.0));
        assertThat(ErrorSplit.of(a, b, a)).isEqualTo(new ErrorSplit(0.6, 0, 0.6, null));
    }
}
