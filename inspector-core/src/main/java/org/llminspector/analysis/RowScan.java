package org.llminspector.analysis;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.IntPredicate;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.family.Weights;

/**
 * Products of a vector with every row of a weight, read in place: rows are decoded as they are read, on all cores, and
 * not kept. A table of 262,144 rows is read at memory bandwidth.
 */
public final class RowScan {

    /** binary16 values by their bits. */
    private static final float[] F16 = new float[1 << 16];

    static {
        for (int i = 0; i < F16.length; i++) F16[i] = HalfFloats.fromF16((short) i);
    }

    /** @param score a dot product or a cosine */
    public record Scored(int row, double score) {}

    private RowScan() {}

    /**
     * Dot product of each row with the vector.
     *
     * @param weight its canonical name, [rows, width]
     * @param vector [width]
     * @return [rows]
     */
    public static float[] dots(Weights weights, String weight, float[] vector) {
        float[] out = new float[Math.toIntExact(weights.shape(weight)[0])];
        if (weights.hasBlocks(weight)) {
            weights.scanBlocks(weight, (first, rows) -> blockDots(rows, vector, out, first));
            return out;
        }
        weights.scan(weight, (first, rows) -> {
            if (rows.dtype() == DType.BF16) bf16Dots(rows, vector, out, first);
            else each(rows, (row, values) -> out[first + row] = dot(values, vector, vector.length));
        });
        return out;
    }

    /** Dot product of each column with a vector, [columns]. */
    public static double[] columnDots(Weights weights, String weight, float[] vector) {
        int width = Math.toIntExact(weights.shape(weight)[1]);
        double[] sums = new double[width];
        weights.scan(weight, (first, rows) -> {
            float[] values = rows.toFloats();
            double[] own = new double[width];
            for (int r = 0; r < rows.shape()[0]; r++) {
                double u = vector[first + r];
                for (int i = 0; i < width; i++) own[i] += u * values[r * width + i];
            }
            synchronized (sums) {
                for (int i = 0; i < width; i++) sums[i] += own[i];
            }
        });
        return sums;
    }

    /** Each row's L2 norm, [rows]. */
    public static float[] norms(Weights weights, String weight) {
        float[] out = new float[Math.toIntExact(weights.shape(weight)[0])];
        weights.scan(
                weight,
                (first, rows) -> each(rows, (row, values) -> {
                    double sum = 0;
                    int width = Math.toIntExact(rows.shape()[1]);
                    for (int i = 0; i < width; i++) sum += (double) values[i] * values[i];
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
            each(rows, (row, values) -> {
                for (int i = 0; i < width; i++) own[i] += (double) values[i] * values[i];
            });
            synchronized (sums) {
                for (int i = 0; i < width; i++) sums[i] += own[i];
            }
        });
        float[] norms = new float[width];
        for (int i = 0; i < width; i++) norms[i] = (float) Math.sqrt(sums[i]);
        return norms;
    }

    /** The rows with the highest scores, in descending order; ties by lower row. */
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
        void row(int row, float[] values);
    }

    /** The largest tables are bfloat16: decoded and multiplied in one step, two numbers per word. */
    private static void bf16Dots(Tensor rows, float[] b, float[] out, int first) {
        int n = Math.toIntExact(rows.shape()[0]);
        int width = b.length;
        if (width % 8 != 0) {
            each(rows, (row, values) -> out[first + row] = dot(values, b, width));
            return;
        }
        int[] words = new int[width / 2];
        for (int r = 0; r < n; r++) {
            rows.bytes().view((long) r * width * 2, width * 2L).asIntBuffer().get(words);
            float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
            for (int w = 0, i = 0; w < words.length; w += 4, i += 8) {
                int x = words[w];
                int y = words[w + 1];
                int z = words[w + 2];
                int u = words[w + 3];
                s0 += Float.intBitsToFloat(x << 16) * b[i];
                s1 += Float.intBitsToFloat(x & 0xFFFF0000) * b[i + 1];
                s2 += Float.intBitsToFloat(y << 16) * b[i + 2];
                s3 += Float.intBitsToFloat(y & 0xFFFF0000) * b[i + 3];
                s4 += Float.intBitsToFloat(z << 16) * b[i + 4];
                s5 += Float.intBitsToFloat(z & 0xFFFF0000) * b[i + 5];
                s6 += Float.intBitsToFloat(u << 16) * b[i + 6];
                s7 += Float.intBitsToFloat(u & 0xFFFF0000) * b[i + 7];
            }
            out[first + r] = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
        }
    }

    /** Quantized blocks are not decoded: a group's codes are multiplied directly and their sum scaled. */
    private static void blockDots(GgufRows rows, float[] vector, float[] out, int first) {
        int n = Math.toIntExact(rows.codes().shape()[0]);
        byte[] codes = new byte[Math.toIntExact(rows.codes().size())];
        rows.codes().bytes().get(0, codes, 0, codes.length);
        float[] scales = rows.scales().toFloats();
        float[] mins = rows.mins() == null ? null : rows.mins().toFloats();
        int size = rows.type().groupSize();
        int groups = vector.length / size;
        float[] sums = new float[mins == null ? 0 : groups]; // of the vector, per group
        for (int g = 0; g < sums.length; g++) for (int i = 0; i < size; i++) sums[g] += vector[g * size + i];
        for (int r = 0, at = 0; r < n; r++) {
            float sum = 0;
            for (int g = 0, i = 0; g < groups; g++) {
                float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
                for (int end = i + size; i < end; i += 4, at += 4) {
                    s0 += codes[at] * vector[i];
                    s1 += codes[at + 1] * vector[i + 1];
                    s2 += codes[at + 2] * vector[i + 2];
                    s3 += codes[at + 3] * vector[i + 3];
                }
                sum += scales[r * groups + g] * ((s0 + s1) + (s2 + s3));
                if (mins != null) sum += mins[r * groups + g] * sums[g];
            }
            out[first + r] = sum;
        }
    }

    /** Passes every row of a part of a matrix, decoded into a buffer that is reused. */
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
            work.row(r, values);
        }
    }

    /** Eight independent sums, so that additions do not wait for one another. */
    static float dot(float[] a, float[] b, int n) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        int i = 0;
        for (; i + 8 <= n; i += 8) {
            s0 += a[i] * b[i];
            s1 += a[i + 1] * b[i + 1];
            s2 += a[i + 2] * b[i + 2];
            s3 += a[i + 3] * b[i + 3];
            s4 += a[i + 4] * b[i + 4];
            s5 += a[i + 5] * b[i + 5];
            s6 += a[i + 6] * b[i + 6];
            s7 += a[i + 7] * b[i + 7];
        }
        float rest = 0;
        for (; i < n; i++) rest += a[i] * b[i];
        return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7)) + rest;
    }
}
