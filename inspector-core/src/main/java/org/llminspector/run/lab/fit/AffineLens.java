package org.llminspector.run.lab.fit;

import org.llminspector.base.Parallel;

/**
 * A map of a layer's residual stream to the last layer's: y = M h + b.
 *
 * @param matrix [d_model, d_model], row-major
 * @param bias [d_model]
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record AffineLens(double[] matrix, double[] bias) {

    /** The identity: the logit lens. */
    static AffineLens identity(int d) {
        double[] m = new double[d * d];
        for (int i = 0; i < d; i++) m[i * d + i] = 1;
        return new AffineLens(m, new double[d]);
    }

    float[] apply(float[] h) {
        int d = bias.length;
        float[] y = new float[d];
        for (int r = 0; r < d; r++) {
            double sum = bias[r];
            for (int c = 0; c < d; c++) sum += matrix[r * d + c] * h[c];
            y[r] = (float) sum;
        }
        return y;
    }

    float[][] apply(float[][] rows) {
        float[][] out = new float[rows.length][];
        Parallel.each(rows.length, r -> out[r] = apply(rows[r]));
        return out;
    }
}
