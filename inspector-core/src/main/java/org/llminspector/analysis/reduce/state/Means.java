package org.llminspector.analysis.reduce.state;

import java.util.Arrays;
import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** Sums F64 and counts I64 by an index, whose quotients are means. */
public final class Means {

    private final String at;
    private double[] sum = new double[0];
    private long[] count = new long[0];

    /** @param at the names' beginning, {@code loss/token/} */
    public Means(String at) {
        this.at = at;
    }

    /** Makes room for indices below {@code size}. */
    public void grow(int size) {
        if (size <= sum.length) return;
        sum = Arrays.copyOf(sum, size);
        count = Arrays.copyOf(count, size);
    }

    public void add(int i, double value) {
        sum[i] += value;
        count[i]++;
    }

    /** Adds a sum of {@code n} values. */
    public void add(int i, double values, long n) {
        sum[i] += values;
        count[i] += n;
    }

    public void write(SortedMap<String, Tensor> state) {
        if (sum.length == 0) return;
        state.put(at + "sum", State.of(sum, sum.length));
        state.put(at + "count", State.of(count, count.length));
    }

    public void merge(Function<String, Tensor> later) {
        Tensor sums = later.apply(at + "sum");
        if (sums == null) return;
        double[] more = State.doubles(sums, at + "sum");
        long[] counts = State.longs(later.apply(at + "count"), at + "count");
        State.same(more.length, counts.length, at + "count");
        grow(more.length);
        for (int i = 0; i < more.length; i++) {
            sum[i] += more[i];
            count[i] += counts[i];
        }
    }

    public static long bytes(long size) {
        return size * (Double.BYTES + Long.BYTES);
    }
}
