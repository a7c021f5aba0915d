package org.llminspector.analysis;

/**
 * Composition scores of two heads (Elhage et al. 2021): the Frobenius norm of the product of the earlier head's OV
 * matrix and the later head's Q, K or V circuit, divided by the product of their norms. Weights only: without norms,
 * positions or text.
 *
 * @param q Q-composition
 * @param k K-composition
 * @param v V-composition
 */
public record Composition(double q, double k, double v) {

    /**
     * Matrices of one head, [d_head, d_model] each; o is transposed, so that its rows are the head's output directions.
     */
    public static final class Matrices {
        private final float[] q;
        private final float[] k;
        private final float[] v;
        private final float[] o;
        private final int width;
        private final double[] qq;
        private final double[] kk;
        private final double[] vv;
        private final double[] oo;

        public Matrices(float[] q, float[] k, float[] v, float[] o, int width) {
            this.q = q;
            this.k = k;
            this.v = v;
            this.o = o;
            this.width = width;
            this.qq = product(q, q, width);
            this.kk = product(k, k, width);
            this.vv = product(v, v, width);
            this.oo = product(o, o, width);
        }
    }

    /** Composition of the first head's output with the second head's inputs. */
    public static Composition of(Matrices first, Matrices second) {
        int n = first.width;
        double written = Math.sqrt(trace(first.vv, first.oo, n)); // |V O|
        double sought = Math.sqrt(trace(second.qq, second.kk, n)); // |Q K'|
        double read = Math.sqrt(trace(second.vv, second.oo, n));
        return new Composition(
                norm(first.vv, product(first.o, second.q, n), second.kk, n) / (written * sought),
                norm(first.vv, product(first.o, second.k, n), second.qq, n) / (written * sought),
                norm(first.vv, product(first.o, second.v, n), second.oo, n) / (written * read));
    }

    /** a b', [d_head, d_head]. */
    private static double[] product(float[] a, float[] b, int n) {
        int d = a.length / n;
        double[] c = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int x = 0; x < d; x++) sum += (double) a[i * d + x] * b[j * d + x];
                c[i * n + j] = sum;
            }
        }
        return c;
    }

    /** Frobenius norm of A' M B; of A and B only their Gram matrices are needed. */
    private static double norm(double[] aa, double[] m, double[] bb, int n) {
        double[] left = new double[n * n]; // aa m
        for (int i = 0; i < n; i++) {
            for (int x = 0; x < n; x++) {
                double v = aa[i * n + x];
                for (int j = 0; j < n; j++) left[i * n + j] += v * m[x * n + j];
            }
        }
        double sum = 0; // trace of aa m bb m'
        for (int i = 0; i < n; i++) {
            for (int x = 0; x < n; x++) {
                double v = left[i * n + x];
                for (int j = 0; j < n; j++) sum += v * bb[x * n + j] * m[i * n + j];
            }
        }
        return Math.sqrt(Math.max(0, sum));
    }

    private static double trace(double[] a, double[] b, int n) {
        double sum = 0;
        for (int i = 0; i < n; i++) for (int j = 0; j < n; j++) sum += a[i * n + j] * b[j * n + i];
        return sum;
    }
}
