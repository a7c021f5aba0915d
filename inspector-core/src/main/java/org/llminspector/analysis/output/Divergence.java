package org.llminspector.analysis.output;

import java.util.Arrays;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookPoint;

/**
 * Distances between a value of run B and the same value of run A, by position and over all positions. Equal values,
 * infinities included, have distance 0.
 */
public final class Divergence {

    /** One number per position. A is the reference: the divisor, and the signal of SQNR. */
    public enum Metric {
        /** a . b / (|a| |b|); 1 for two zero vectors. */
        COSINE,
        /** |b - a| / |a|; infinite where a is zero and b is not. */
        RELATIVE_L2,
        /** The largest |b - a| of one element. */
        MAX_ABS,
        /** Signal to quantization noise, 20 log10(|a| / |b - a|), in dB; infinite where nothing differs. */
        SQNR
    }

    /**
     * The four metrics of one vector, or of all positions together.
     *
     * @param sqnr in dB, infinite when nothing differs
     */
    public record Distance(double cosine, double relativeL2, double maxAbs, double sqnr) {
        double get(Metric metric) {
            return switch (metric) {
                case COSINE -> cosine;
                case RELATIVE_L2 -> relativeL2;
                case MAX_ABS -> maxAbs;
                case SQNR -> sqnr;
            };
        }
    }

    private final Distance[] positions;
    private final float[][] heads; // [head][pos], or null
    private final Distance all;

    private Divergence(Distance[] positions, float[][] heads, Distance all) {
        this.positions = positions;
        this.heads = heads;
        this.all = all;
    }

    /**
     * Compares two values of one hook.
     *
     * @param a of the reference run, [1, pos, ...] or [1, head, query, key]
     * @param b of the other run, of the same shape
     */
    public static Divergence of(HookPoint point, Tensor a, Tensor b) {
        long[] shape = a.shape();
        if (!Arrays.equals(shape, b.shape())) throw new IllegalArgumentException(point + ": " + a + " beside " + b);
        boolean square = point.axisIndex(Axis.KEY) >= 0;
        int headAxis = point.axisIndex(Axis.HEAD);
        int count = Math.toIntExact(shape[square ? 2 : 1]);
        int heads = headAxis < 0 ? 1 : Math.toIntExact(shape[headAxis]);
        int width = Math.toIntExact(a.size() / count / heads);
        float[] x = a.toFloats();
        float[] y = b.toFloats();
        Sums whole = new Sums();
        Distance[] positions = new Distance[count];
        float[][] byHead = headAxis < 0 ? null : new float[heads][count];
        for (int p = 0; p < count; p++) {
            Sums position = new Sums();
            for (int h = 0; h < heads; h++) {
                int from = (square ? h * count + p : p * heads + h) * width;
                Sums cell = Sums.of(x, y, from, width);
                position.add(cell);
                if (byHead != null) {
                    byHead[h][p] = (float)
                            (point == HookPoint.PATTERN
                                    ? jensenShannon(x, y, from, width)
                                    : cell.distance().relativeL2());
                }
            }
            positions[p] = position.distance();
            whole.add(position);
        }
        return new Divergence(positions, byHead, whole.distance());
    }

    public int positions() {
        return positions.length;
    }

    public Distance at(int position) {
        return positions[position];
    }

    /** Over all positions as one vector. */
    public Distance all() {
        return all;
    }

    /** One number per position. */
    public float[] row(Metric metric) {
        float[] row = new float[positions.length];
        for (int p = 0; p < row.length; p++) row[p] = (float) positions[p].get(metric);
        return row;
    }

    /**
     * One number per head and position, [head][pos]: for patterns the Jensen-Shannon divergence of the two rows in nats
     * (0 to ln 2), for other values with heads the relative L2; null for values without heads.
     */
    public float[][] heads() {
        return heads == null ? null : heads.clone();
    }

    /** The first position with a distance above the threshold, or -1. */
    public int firstPast(double relativeL2) {
        for (int p = 0; p < positions.length; p++) if (positions[p].relativeL2() > relativeL2) return p;
        return -1;
    }

    /** Half KL(p || m) plus half KL(q || m), m their mean, in nats. */
    private static double jensenShannon(float[] p, float[] q, int from, int width) {
        double sum = 0;
        for (int i = from; i < from + width; i++) {
            if (p[i] == q[i]) continue;
            double mean = (p[i] + (double) q[i]) / 2;
            if (p[i] > 0) sum += p[i] * Math.log(p[i] / mean);
            if (q[i] > 0) sum += q[i] * Math.log(q[i] / mean);
        }
        // An attention sink's weight, which belongs to no key; without a sink only rounding error.
        double sinkP = Math.max(0, 1 - total(p, from, width));
        double sinkQ = Math.max(0, 1 - total(q, from, width));
        double sinks = (sinkP + sinkQ) / 2;
        if (sinkP > 0) sum += sinkP * Math.log(sinkP / sinks);
        if (sinkQ > 0) sum += sinkQ * Math.log(sinkQ / sinks);
        return Math.max(0, sum / 2);
    }

    private static double total(float[] p, int from, int width) {
        double total = 0;
        for (int i = from; i < from + width; i++) total += p[i];
        return total;
    }

    /** Sums from which the metrics of any number of elements are computed. */
    private static final class Sums {
        private double dot;
        private double aa;
        private double bb;
        private double dd;
        private double max;

        static Sums of(float[] x, float[] y, int from, int width) {
            Sums s = new Sums();
            for (int i = from; i < from + width; i++) {
                double a = x[i];
                double b = y[i];
                if (a == b || (Double.isNaN(a) && Double.isNaN(b))) {
                    if (Double.isInfinite(a) || Double.isNaN(a)) continue; // masked in both
                    s.aa += a * a;
                    s.bb += a * a;
                    s.dot += a * a;
                    continue;
                }
                double d = Math.abs(b - a);
                if (!(d < Double.POSITIVE_INFINITY)) {
                    s.dd = s.max = Double.POSITIVE_INFINITY;
                    continue;
                }
                s.aa += a * a;
                s.bb += b * b;
                s.dot += a * b;
                s.dd += d * d;
                s.max = Math.max(s.max, d);
            }
            return s;
        }

        void add(Sums o) {
            dot += o.dot;
            aa += o.aa;
            bb += o.bb;
            dd += o.dd;
            max = Math.max(max, o.max);
        }

        Distance distance() {
            double norms = Math.sqrt(aa) * Math.sqrt(bb);
            double cosine = dd == 0 ? 1 : norms == 0 ? 0 : Math.max(-1, Math.min(1, dot / norms));
            double relative = dd == 0 ? 0 : Math.sqrt(dd / aa);
            return new Distance(cosine, relative, max, -20 * Math.log10(relative));
        }
    }
}
