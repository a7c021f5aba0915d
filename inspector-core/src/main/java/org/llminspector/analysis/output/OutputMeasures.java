package org.llminspector.analysis.output;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/**
 * Divergence of B's next-token distributions from A's over a text. Names and formulas are those of {@code
 * llama-perplexity --kl-divergence}, with A its base and B its Q. The positions differ: it scores the second half of
 * each chunk, this scores every token once, so that results differ.
 *
 * <p>Errors are standard errors of the mean, sqrt(var / (n - 1)), carried through functions to first order. A text's
 * tokens are not independent, so they are lower bounds.
 *
 * @param positions distributions compared
 * @param meanKld mean KL(A || B), nats
 * @param kld its percentiles
 * @param sameTop share of positions where both have the same most probable token
 * @param topOverlap mean share of A's k most probable tokens that are among B's
 * @param k of topOverlap
 * @param scored positions whose actual next token is known; the measures below are over these, null when there are none
 * @param pplA perplexity of A: exp of its mean negative log-likelihood
 * @param pplB perplexity of B
 * @param pplCorrelation of the two negative log-likelihoods; null when one does not vary
 * @param lnPplRatio ln(PPL(B) / PPL(A)): a mean of paired differences, hence its small error
 * @param pplRatio PPL(B) / PPL(A)
 * @param pplDifference PPL(B) - PPL(A)
 * @param meanDeltaP mean change of the actual token's probability, B minus A
 * @param rmsDeltaP its root mean square
 * @param deltaP its percentiles
 */
public record OutputMeasures(
        int positions,
        Estimate meanKld,
        List<Percentile> kld,
        Estimate sameTop,
        Estimate topOverlap,
        int k,
        int scored,
        Estimate pplA,
        Estimate pplB,
        Double pplCorrelation,
        Estimate lnPplRatio,
        Estimate pplRatio,
        Estimate pplDifference,
        Estimate meanDeltaP,
        Estimate rmsDeltaP,
        List<Percentile> deltaP) {

    /**
     * A value and its standard error; the error is null for a single position.
     *
     * @param interval of 95 %, where the value is the exponential of a mean (a perplexity, their ratio): e to the mean
     *     ± 1.96 of its errors, so that no end is below 0; null elsewhere, and without an error
     */
    public record Estimate(double value, Double error, Interval interval) {

        public Estimate(double value, Double error) {
            this(value, error, null);
        }

        /** The interval, or the value ± 1.96 of its errors; null without an error. */
        public Interval ends() {
            if (interval != null || error == null) return interval;
            return new Interval(value - NORMAL_95 * error, value + NORMAL_95 * error);
        }

        /** The mean of these. */
        public static Estimate mean(double[] values) {
            Numbers numbers = new Numbers();
            for (double v : values) numbers.add(v);
            return numbers.mean();
        }
    }

    /** The ends of an interval. */
    public record Interval(double low, double high) {}

    /** The value that {@code percent} of the positions do not exceed, interpolated. */
    public record Percentile(double percent, double value) {}

    /** Standard errors to either side that hold 95 % of a normal distribution. */
    private static final double NORMAL_95 = 1.959964;

    private static final double[] PERCENTS = {0, 0.1, 1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9, 100};

    /** Accumulator over positions; keeps five numbers per position and no distribution. Not thread-safe. */
    public static final class Gathering {

        private final Numbers kld = new Numbers();
        private final Numbers overlap = new Numbers();
        private final Numbers nllA = new Numbers();
        private final Numbers nllB = new Numbers();
        private final Numbers deltaP = new Numbers();
        private int same;
        private int k;

        public void add(TokenDivergence t) {
            kld.add(t.kl());
            overlap.add((double) t.overlap() / t.k());
            if (t.sameTop()) same++;
            k = t.k();
            if (t.token() == null) return;
            nllA.add(t.nllA());
            nllB.add(t.nllB());
            deltaP.add(t.deltaP());
        }

        /** Mean KL(A || B) so far, null before the first position. */
        public Double meanKld() {
            return kld.size == 0 ? null : kld.average();
        }

        /** Measures of the positions so far; null before the first. */
        public OutputMeasures measures() {
            int n = kld.size;
            if (n == 0) return null;
            double top = (double) same / n;
            Estimate sameTop = new Estimate(top, n < 2 ? null : Math.sqrt(top * (1 - top) / (n - 1)));
            if (nllA.size == 0) {
                return new OutputMeasures(
                        n,
                        kld.mean(),
                        kld.percentiles(),
                        sameTop,
                        overlap.mean(),
                        k,
                        0,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null,
                        null);
            }
            Estimate lnA = nllA.mean();
            Estimate lnB = nllB.mean();
            double pplA = Math.exp(lnA.value());
            double pplB = Math.exp(lnB.value());
            Estimate lnRatio = nllB.minus(1, nllA, 1).mean();
            Estimate difference = nllB.minus(pplB, nllA, pplA).mean(); // only its error is used, not its value
            Estimate meanSquare = deltaP.squared().mean();
            double rms = Math.sqrt(meanSquare.value());
            return new OutputMeasures(
                    n,
                    kld.mean(),
                    kld.percentiles(),
                    sameTop,
                    overlap.mean(),
                    k,
                    nllA.size,
                    exponential(lnA),
                    exponential(lnB),
                    nllA.correlation(nllB),
                    lnRatio,
                    exponential(lnRatio),
                    new Estimate(pplB - pplA, difference.error()),
                    deltaP.mean(),
                    rms == 0 ? new Estimate(0, meanSquare.error()) : scaled(rms, meanSquare.error(), 0.5 / rms),
                    deltaP.percentiles());
        }

        /** e to a mean: its error to first order, its interval from that of the mean. */
        private static Estimate exponential(Estimate mean) {
            double value = Math.exp(mean.value());
            if (mean.error() == null) return new Estimate(value, null);
            double reach = NORMAL_95 * mean.error();
            Interval interval = new Interval(Math.exp(mean.value() - reach), Math.exp(mean.value() + reach));
            return new Estimate(value, mean.error() * value, interval);
        }

        private static Estimate scaled(double value, Double error, double factor) {
            return new Estimate(value, error == null ? null : error * factor);
        }
    }

    /** Growing list of float64. */
    private static final class Numbers {
        private double[] values = new double[256];
        private int size;

        void add(double value) {
            if (size == values.length) values = Arrays.copyOf(values, 2 * size);
            values[size++] = value;
        }

        double average() {
            return stream().sum() / size;
        }

        Estimate mean() {
            double mean = average();
            if (size < 2) return new Estimate(mean, null);
            double variance = stream().map(x -> (x - mean) * (x - mean)).sum() / size;
            return new Estimate(mean, Math.sqrt(variance / (size - 1)));
        }

        Numbers minus(double mine, Numbers other, double others) {
            Numbers out = new Numbers();
            for (int i = 0; i < size; i++) out.add(mine * values[i] - others * other.values[i]);
            return out;
        }

        Numbers squared() {
            Numbers out = new Numbers();
            stream().forEach(x -> out.add(x * x));
            return out;
        }

        Double correlation(Numbers other) {
            double mean = average();
            double otherMean = other.average();
            double xy = 0;
            double xx = 0;
            double yy = 0;
            for (int i = 0; i < size; i++) {
                double x = values[i] - mean;
                double y = other.values[i] - otherMean;
                xy += x * y;
                xx += x * x;
                yy += y * y;
            }
            return xx == 0 || yy == 0 ? null : xy / Math.sqrt(xx) / Math.sqrt(yy);
        }

        List<Percentile> percentiles() {
            double[] sorted = stream().sorted().toArray();
            return DoubleStream.of(PERCENTS)
                    .mapToObj(percent -> {
                        double at = percent / 100 * (size - 1);
                        int low = (int) at;
                        int high = Math.min(low + 1, size - 1);
                        double value = sorted[low] + (at - low) * (sorted[high] - sorted[low]);
                        return new Percentile(percent, value);
                    })
                    .toList();
        }

        private DoubleStream stream() {
            return Arrays.stream(values, 0, size);
        }
    }
}
