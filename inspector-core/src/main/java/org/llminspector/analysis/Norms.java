package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Tensor;

/** Norms are the lengths of a value's vectors. */
public final class Norms {

    private Norms() {}

    /** L2 norm at each position of [1, pos, width]. */
    public static List<Double> byPosition(Tensor t) {
        int width = Math.toIntExact(t.shape()[2]);
        List<Double> norms = new ArrayList<>();
        for (int p = 0; p < t.shape()[1]; p++) {
            double sum = 0;
            for (int i = 0; i < width; i++) {
                double x = t.get((long) p * width + i);
                sum += x * x;
            }
            norms.add(Math.sqrt(sum));
        }
        return norms;
    }
}
