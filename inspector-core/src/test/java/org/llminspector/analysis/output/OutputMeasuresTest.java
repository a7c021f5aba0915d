package org.llminspector.analysis.output;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.assertj.core.data.Offset;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.analysis.output.OutputMeasures.Interval;

/** Measures of the output against their definitions, and against llama.cpp's formulas written out from its sums. */
public class OutputMeasuresTest {

    private static final Offset<Double> TINY = within(1e-12);

    @Test
    void oneTokenByHand() {
        float[] a = logits(0.5, 0.25, 0.25);
        float[] b = logits(0.25, 0.5, 0.25);
        TokenDivergence t = TokenDivergence.of(a, b, 0, 2);
        assertThat(t.kl()).isCloseTo(0.5 * Math.log(2) - 0.25 * Math.log(2), within(1e-7));
        assertThat(t.nllA()).isCloseTo(Math.log(2), within(1e-7));
        assertThat(t.deltaP()).isCloseTo(-0.25, within(1e-7));
        assertThat(t.sameTop()).isFalse();
        assertThat(t.overlap()).isEqualTo(2); // equal scores: the lower id first
        assertThat(t.top()).extracting(TokenDivergence.Candidate::id).containsExactly(0, 1);
        assertThat(t.top().get(0).rankB()).isEqualTo(1);
        assertThat(TokenDivergence.of(a, b, null, 2).deltaP()).isNull();
        assertThat(TokenDivergence.of(a, b, 0, 1).top())
                .extracting(TokenDivergence.Candidate::rankB)
                .containsExactly(null, 0);
    }

    @Test
    void identicalSidesDifferByExactlyNothing() {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        Random random = new Random(5);
        for (int i = 0; i < 300; i++) {
            float[] x = random(random, 40);
            gathering.add(TokenDivergence.of(x, x.clone(), random.nextInt(40), 10));
        }
        OutputMeasures m = gathering.measures();
        assertThat(m.meanKld()).isEqualTo(new Estimate(0, 0.0));
        assertThat(m.kld()).allMatch(p -> p.value() == 0);
        assertThat(m.pplRatio()).isEqualTo(new Estimate(1, 0.0, new Interval(1, 1)));
        assertThat(m.pplDifference()).isEqualTo(new Estimate(0, 0.0));
        assertThat(m.rmsDeltaP()).isEqualTo(new Estimate(0, 0.0));
        assertThat(m.sameTop()).isEqualTo(new Estimate(1, 0.0));
        assertThat(m.topOverlap()).isEqualTo(new Estimate(1, 0.0));
        assertThat(m.pplA()).isEqualTo(m.pplB());
    }

    @Test
    void theErrorsAreLlamaCpps() {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        List<TokenDivergence> all = new ArrayList<>();
        Random random = new Random(7);
        for (int i = 0; i < 500; i++) {
            float[] a = random(random, 30);
            float[] b = a.clone();
            for (int v = 0; v < b.length; v++) b[v] += (float) random.nextGaussian() * 0.3f;
            TokenDivergence t = TokenDivergence.of(a, b, random.nextInt(30), 5);
            all.add(t);
            gathering.add(t);
        }
        OutputMeasures m = gathering.measures();
        int n = all.size();
        double q = 0;
        double q2 = 0;
        double base = 0;
        double base2 = 0;
        double both = 0;
        double p2 = 0;
        double p4 = 0;
        double same = 0;
        for (TokenDivergence t : all) {
            q += t.nllB();
            q2 += t.nllB() * t.nllB();
            base += t.nllA();
            base2 += t.nllA() * t.nllA();
            both += t.nllA() * t.nllB();
            p2 += Math.pow(t.deltaP(), 2);
            p4 += Math.pow(t.deltaP(), 4);
            same += t.sameTop() ? 1 : 0;
        }
        double uncQ = uncertainty(q, q2, n);
        double uncBase = uncertainty(base, base2, n);
        double cov = (both / n - q / n * base / n) / (n - 1);
        double ratio = Math.exp(q / n - base / n);
        double uncRatio = Math.sqrt(uncQ * uncQ + uncBase * uncBase - 2 * cov);
        close(m.pplB(), Math.exp(q / n), Math.exp(q / n) * uncQ);
        close(m.pplA(), Math.exp(base / n), Math.exp(base / n) * uncBase);
        close(m.lnPplRatio(), q / n - base / n, uncRatio);
        close(m.pplRatio(), ratio, ratio * uncRatio);
        double pplQ = Math.exp(q / n);
        double pplBase = Math.exp(base / n);
        close(
                m.pplDifference(),
                pplQ - pplBase,
                Math.sqrt(Math.pow(pplQ * uncQ, 2) + Math.pow(pplBase * uncBase, 2) - 2 * pplQ * pplBase * cov));
        assertThat(m.pplCorrelation()).isCloseTo(cov / uncQ / uncBase, within(1e-9));
        double rms = Math.sqrt(p2 / n);
        close(m.rmsDeltaP(), rms, 0.5 / rms * uncertainty(p2, p4, n));
        close(m.sameTop(), same / n, Math.sqrt(same / n * (1 - same / n) / (n - 1)));
        double[] sorted = all.stream().mapToDouble(TokenDivergence::kl).sorted().toArray();
        assertThat(m.kld().get(0).value()).isEqualTo(sorted[0]);
        assertThat(m.kld().get(6).value()).isCloseTo((sorted[249] + sorted[250]) / 2, TINY);
        assertThat(m.kld().get(10).value()).isCloseTo(sorted[494] * (1 - 0.01) + sorted[495] * 0.01, within(1e-9));
        assertThat(m.kld().get(12).value()).isEqualTo(sorted[499]);
    }

    @Test
    void whereNothingFollowsThereIsNoPerplexity() {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        assertThat(gathering.measures()).isNull();
        gathering.add(TokenDivergence.of(logits(0.5, 0.5), logits(0.25, 0.75), null, 10));
        OutputMeasures m = gathering.measures();
        assertThat(m.positions()).isEqualTo(1);
        assertThat(m.scored()).isZero();
        assertThat(m.pplA()).isNull();
        assertThat(m.meanKld().error()).isNull();
        assertThat(m.k()).isEqualTo(2);
    }

    /** Two tokens that A takes for all but certain and all but impossible: value minus error is far below 0. */
    @Test
    void anIntervalOfAPerplexityIsAboveZero() {
        OutputMeasures.Gathering gathering = new OutputMeasures.Gathering();
        float[] a = logits(0.999999, 0.000001);
        for (int token = 0; token < 2; token++) gathering.add(TokenDivergence.of(a, logits(0.5, 0.5), token, 1));
        OutputMeasures m = gathering.measures();
        assertThat(m.pplA().value() - 1.96 * m.pplA().error()).isNegative();
        double mean = Math.log(m.pplA().value());
        double error = m.pplA().error() / m.pplA().value();
        assertThat(m.pplA().interval().low()).isPositive().isCloseTo(Math.exp(mean - 1.959964 * error), within(1e-9));
        assertThat(Math.log(m.pplA().interval().high())).isCloseTo(mean + 1.959964 * error, within(1e-9));
        Interval ratio = m.pplRatio().interval();
        assertThat(ratio.low() * ratio.high()).isCloseTo(Math.pow(m.pplRatio().value(), 2), within(1e-9));
        assertThat(m.pplB().interval())
                .isEqualTo(new Interval(m.pplB().value(), m.pplB().value()));
        assertThat(m.pplDifference().interval()).isNull();
    }

    private static double uncertainty(double sum, double sum2, int n) {
        return Math.sqrt((sum2 / n - sum / n * sum / n) / (n - 1));
    }

    private static void close(Estimate found, double value, double error) {
        assertThat(found.value()).isCloseTo(value, within(1e-9));
        assertThat(found.error()).isCloseTo(error, within(1e-9));
    }

    private static float[] logits(double... probabilities) {
        float[] logits = new float[probabilities.length];
        for (int i = 0; i < logits.length; i++) logits[i] = (float) Math.log(probabilities[i]) + 3;
        return logits;
    }

    private static float[] random(Random random, int n) {
        float[] x = new float[n];
        for (int i = 0; i < n; i++) x[i] = (float) random.nextGaussian() * 3;
        return x;
    }
}
