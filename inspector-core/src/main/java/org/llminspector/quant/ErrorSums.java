package org.llminspector.quant;

import java.util.List;
import org.llminspector.base.DType;

/** Accumulator of a {@link QuantError}, a band of rows at a time. */
final class ErrorSums {

    private double signal;
    private double noise;
    private double decoded;
    private double product;
    private final double[] importance; // [cols], or null
    private double weightedSignal;
    private double weightedNoise;
    private double max = -1;
    private int maxRow;
    private int maxCol;
    /** Count of each code, from -128 on for signed ones; empty for 16-bit codes. */
    final long[] counts;

    private ErrorSums(int codes, double[] importance) {
        this.counts = new long[codes];
        this.importance = importance;
    }

    /**
     * @param first the weight's index of q's first row
     * @param importance mean squares of the columns' inputs, [cols], or null
     */
    static ErrorSums of(float[] values, int first, QuantizedTensor q, double[] importance) {
        int cols = q.cols();
        DType dtype = q.codes().dtype();
        ErrorSums sums = new ErrorSums(dtype.bytes() == 1 ? 256 : 0, importance);
        float[] row = new float[cols];
        for (int r = 0; r < q.rows(); r++) {
            q.decode(r, row);
            sums.add(values, r * cols, row, first + r);
        }
        if (sums.counts.length > 0) {
            byte[] codes = new byte[q.rows() * cols];
            q.codes().data().get(codes);
            int shift = dtype == DType.I8 ? 128 : 0;
            for (byte code : codes) sums.counts[(code + shift) & 0xFF]++;
        }
        return sums;
    }

    private void add(float[] values, int at, float[] row, int number) {
        double s = 0;
        double n = 0;
        double d = 0;
        double p = 0;
        double most = max;
        int col = -1;
        for (int c = 0; c < row.length; c++) {
            double w = values[at + c];
            double v = row[c];
            double e = w - v;
            s += w * w;
            n += e * e;
            d += v * v;
            p += w * v;
            if (Math.abs(e) > most) {
                most = Math.abs(e);
                col = c;
            }
        }
        signal += s;
        noise += n;
        decoded += d;
        product += p;
        if (importance != null) weigh(values, at, row);
        if (col >= 0) {
            max = most;
            maxRow = number;
            maxCol = col;
        }
    }

    private void weigh(float[] values, int at, float[] row) {
        double s = 0;
        double n = 0;
        for (int c = 0; c < row.length; c++) {
            double w = values[at + c];
            double e = w - row[c];
            s += importance[c] * w * w;
            n += importance[c] * e * e;
        }
        weightedSignal += s;
        weightedNoise += n;
    }

    /** Adds up all parts in order, so that the result is deterministic. */
    static ErrorSums total(ErrorSums[] parts) {
        ErrorSums all =
                parts.length == 0 ? new ErrorSums(0, null) : new ErrorSums(parts[0].counts.length, parts[0].importance);
        for (ErrorSums part : parts) {
            all.signal += part.signal;
            all.noise += part.noise;
            all.decoded += part.decoded;
            all.product += part.product;
            all.weightedSignal += part.weightedSignal;
            all.weightedNoise += part.weightedNoise;
            for (int i = 0; i < all.counts.length; i++) all.counts[i] += part.counts[i];
            if (part.max > all.max) {
                all.max = part.max;
                all.maxRow = part.maxRow;
                all.maxCol = part.maxCol;
            }
        }
        return all;
    }

    QuantError error(long n) {
        double norms = Math.sqrt(signal) * Math.sqrt(decoded);
        double relative = noise == 0 ? 0 : Math.sqrt(noise / signal);
        return new QuantError(
                Math.max(0, max),
                List.of(maxRow, maxCol),
                n == 0 ? 0 : Math.sqrt(noise / n),
                relative,
                noise == 0 ? null : 10 * Math.log10(signal / noise),
                norms == 0 ? (noise == 0 ? 1 : 0) : Math.min(1, product / norms),
                Math.sqrt(signal),
                importance == null ? null : QuantError.Weighted.of(weightedSignal, weightedNoise));
    }
}
