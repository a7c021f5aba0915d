package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Tensor;

/** L2 norms of a value's vectors. */
public final class Norms {

    private Norms() {}

    /** L2 norm of all values. */
    public static double of(float[] values) {
        return of(values, 0, values.length);
    }

    private static double of(float[] values, int from, int to) {
        double sum = 0;
        for (int i = from; i < to; i++) sum += (double) values[i] * values[i];
        return Math.sqrt(sum);
    }

    /** L2 norm at each position of [1, pos, ...]. */
    public static List<Double> byPosition(Tensor t) {
        float[] values = t.toFloats();
        int width = Math.toIntExact(values.length / t.shape()[1]);
        List<Double> norms = new ArrayList<>();
        for (int from = 0; from < values.length; from += width) norms.add(of(values, from, from + width));
        return norms;
    }
}
