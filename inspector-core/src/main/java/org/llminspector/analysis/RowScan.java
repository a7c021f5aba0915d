package org.llminspector.analysis;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.IntPredicate;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Tensor;
import org.llminspector.family.Weights;

/**
 * RowScan multiplies every row of a weight with one vector, where it lies: rows are decoded as they are read, on all cores, and
 * none is kept. A table of 262,144 rows is read as fast as the memory gives it.
 */
public final class RowScan {

    /** Values of binary16, by their bits. */
    private static final float[] F16 = new float[1 << 16];

    static {
        for (int i = 0; i < F16.length; i++) F16[i] = HalfFloats.fromF16((short) i);
    }

    /** @param score a product or a cosine */
    public record Scored(int row, double score) {}

    private RowScan() {}

    /**
     * Each row times the vector.
     *
     * @param weight its canonical name, [rows, width]
     * @param vector [width]
     * @return [rows]
     */
    public static float[] dots(Weights weights, String weight, float[] vector) {
        float[] out = new float[Math.toIntExact(weights.shape(weight)[0])];
        weights.scan(
                weight,
                (first, rows) ->
                        each(rows, (row, values, from) -> out[first + row] = dot(values, from, vector, vector.length)));
        return out;
    }

    /** Each row's L2 norm, [rows]. */
    public static float[] norms(Weights weights, String weight) {
        float[] out = new float[Math.toIntExact(weights.shape(weight)[0])];
        weights.scan(
                weight,
                (first, rows) -> each(rows, (row, values, from) -> {
                    double sum = 0;
                    int width = Math.toIntExact(rows.shape()[1]);
                    for (int i = 0; i < width; i++) sum += (double) values[from + i] * values[from + i];
                    out[first + row] = (float) Math.sqrt(sum);
                }));
        return out;
    }

    /** Each column's L2 norm, [columns]. */
    public static float[] columnNorms(Weights weights, String weight) {
        int width = Math.toIntExact(weights.shape(weight)[1]);
        double[] sums = new double[width];
        weights.scan(weight, (first, rows) -> {
            double[] own = new double[width];
            each(rows, (row, values, from) -> {
                for (int i = 0; i < width; i++) own[i] += (double) values[from + i] * values[from + i];
            });
            synchronized (sums) {
                for (int i = 0; i < width; i++) sums[i] += own[i];
            }
        });
        float[] norms = new float[width];
        for (int i = 0; i < width; i++) norms[i] = (float) Math.sqrt(sums[i]);
        return norms;
    }

    /** The rows of the highest scores, the highest first; of equal ones the lower row. */
    public static List<Scored> highest(float[] scores, int top, IntPredicate wanted) {
        PriorityQueue<Scored> best = new PriorityQueue<>((a, b) ->
                a.score() != b.score() ? Double.compare(a.score(), b.score()) : Integer.compare(b.row(), a.row()));
        for (int row = 0; row < scores.length; row++) {
            if (best.size() == top && scores[row] <= best.peek().score()) continue;
            if (!wanted.test(row)) continue;
            best.add(new Scored(row, scores[row]));
            if (best.size() > top) best.remove();
        }
        List<Scored> sorted = new ArrayList<>();
        while (!best.isEmpty()) sorted.add(0, best.remove());
        return sorted;
    }

    private interface Row {
        void row(int row, float[] values, int from);
    }

    /** Gives every row of a part of a matrix, decoded into memory that the next one overwrites. */
    private static void each(Tensor rows, Row work) {
        int n = Math.toIntExact(rows.shape()[0]);
        int width = Math.toIntExact(rows.shape()[1]);
        float[] values = new float[width];
        boolean half = rows.dtype() == DType.BF16 || rows.dtype() == DType.F16;
        short[] bits = half ? new short[width] : null;
        for (int r = 0; r < n; r++) {
            long at = (long) r * width;
            if (half) {
                ByteBuffer bytes = rows.bytes().view(at * 2, width * 2L);
                bytes.asShortBuffer().get(bits);
                if (rows.dtype() == DType.BF16) {
                    for (int i = 0; i < width; i++) values[i] = Float.intBitsToFloat(bits[i] << 16);
                } else {
                    for (int i = 0; i < width; i++) values[i] = F16[bits[i] & 0xFFFF];
                }
            } else {
                rows.toFloats(at, values, width);
            }
            work.row(r, values, 0);
        }
    }

    /** Eight sums side by side: one alone would wait for each addition. */
    static float dot(float[] a, int from, float[] b, int n) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        int i = 0;
        for (; i + 8 <= n; i += 8) {
            s0 += a[from + i] * b[i];
            s1 += a[from + i + 1] * b[i + 1];
            s2 += a[from + i + 2] * b[i + 2];
            s3 += a[from + i + 3] * b[i + 3];
            s4 += a[from + i + 4] * b[i + 4];
            s5 += a[from + i + 5] * b[i + 5];
            s6 += a[from + i + 6] * b[i + 6];
            s7 += a[from + i + 7] * b[i + 7];
        }
        float rest = 0;
        for (; i < n; i++) rest += a[from + i] * b[i];
        return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + rest;
    }
}
