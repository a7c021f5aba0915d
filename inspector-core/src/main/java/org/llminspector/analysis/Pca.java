package org.llminspector.analysis;

import java.util.Arrays;
import java.util.Random;

/**
 * Principal component analysis (Pearson 1901) by block power iteration on the Gram matrix, for fewer vectors than
 * dimensions.
 */
public final class Pca {

    /** Iteration limit; directions of nearly equal variance that have not converged by then are interchangeable. */
    private static final int MOST_ITERATIONS = 200;

    /** Extra directions iterated beyond those requested, which speed up convergence. */
    private static final int SPARE = 6;

    private final float[] mean;
    private final double[][] axes;
    private final double[] variances;
    private final double total;

    private Pca(float[] mean, double[][] axes, double[] variances, double total) {
        this.mean = mean;
        this.axes = axes;
        this.variances = variances;
        this.total = total;
    }

    /**
     * @param vectors at least two, all of the same width
     * @param wanted number of directions, at most the number of vectors minus one
     */
    public static Pca of(float[][] vectors, int wanted) {
        int n = vectors.length;
        int width = vectors[0].length;
        float[] mean = new float[width];
        for (int j = 0; j < width; j++) {
            double sum = 0;
            for (float[] v : vectors) sum += v[j];
            mean[j] = (float) (sum / n);
        }
        double[][] x = new double[n][width];
        for (int i = 0; i < n; i++) for (int j = 0; j < width; j++) x[i][j] = (double) vectors[i][j] - mean[j];
        double[][] gram = new double[n][n];
        double total = 0;
        for (int i = 0; i < n; i++) {
            for (int k = 0; k <= i; k++) gram[i][k] = gram[k][i] = dot(x[i], x[k]);
            total += gram[i][i];
        }
        int count = Math.min(wanted, n - 1);
        int block = Math.min(n, count + SPARE);
        double[][] q = settled(gram, block, count);
        double[][] axes = new double[count][width];
        double[] variances = new double[count];
        for (int c = 0; c < count; c++) {
            double value = dot(q[c], times(gram, q[c]));
            variances[c] = Math.max(0, value) / (n - 1);
            for (int i = 0; i < n; i++) for (int j = 0; j < width; j++) axes[c][j] += q[c][i] * x[i][j];
            normalize(axes[c]);
            point(axes[c]);
        }
        return new Pca(mean, axes, variances, total / (n - 1));
    }

    /** Leading eigenvectors of the matrix, in descending order of eigenvalue. */
    private static double[][] settled(double[][] gram, int block, int wanted) {
        int n = gram.length;
        Random random = new Random(1); // any start works; a fixed seed makes results reproducible
        double[][] q = new double[block][n];
        for (double[] v : q) for (int i = 0; i < n; i++) v[i] = random.nextGaussian();
        orthonormalize(q);
        double before = -1;
        for (int iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
            double[][] next = new double[block][];
            for (int b = 0; b < block; b++) next[b] = times(gram, q[b]);
            q = rotated(q, next);
            double sum = 0;
            for (int b = 0; b < wanted; b++) sum += dot(q[b], times(gram, q[b])) * (b + 1.0);
            if (Math.abs(sum - before) <= 1e-14 * Math.abs(sum)) break;
            before = sum;
            double[][] stretched = new double[block][];
            for (int b = 0; b < block; b++) stretched[b] = times(gram, q[b]);
            orthonormalize(stretched);
            q = stretched;
        }
        double[][] last = new double[block][];
        for (int b = 0; b < block; b++) last[b] = times(gram, q[b]);
        return rotated(q, last);
    }

    /** Rayleigh-Ritz step: rotates the basis of the subspace to its approximate eigenvectors. */
    private static double[][] rotated(double[][] q, double[][] stretched) {
        int k = q.length;
        double[][] small = new double[k][k];
        for (int a = 0; a < k; a++) for (int b = 0; b < k; b++) small[a][b] = dot(q[a], stretched[b]);
        double[][] turn = jacobi(small);
        Integer[] order = new Integer[k];
        for (int i = 0; i < k; i++) order[i] = i;
        Arrays.sort(order, (a, b) -> Double.compare(small[b][b], small[a][a]));
        double[][] out = new double[k][q[0].length];
        for (int c = 0; c < k; c++) {
            for (int a = 0; a < k; a++) {
                double t = turn[a][order[c]];
                for (int i = 0; i < out[c].length; i++) out[c][i] += t * q[a][i];
            }
        }
        return out;
    }

    /** Diagonalizes a small symmetric matrix; returns its eigenvectors as columns (Jacobi 1846). */
    private static double[][] jacobi(double[][] a) {
        int n = a.length;
        double[][] v = new double[n][n];
        for (int i = 0; i < n; i++) v[i][i] = 1;
        for (int sweep = 0; sweep < 60; sweep++) {
            double off = 0;
            double all = 0;
            for (int i = 0; i < n; i++) {
                all += a[i][i] * a[i][i];
                for (int j = 0; j < i; j++) off += a[i][j] * a[i][j];
            }
            if (off <= 1e-30 * all) break;
            for (int p = 0; p < n; p++) for (int q = p + 1; q < n; q++) rotate(a, v, p, q);
        }
        return v;
    }

    private static void rotate(double[][] a, double[][] v, int p, int q) {
        if (a[p][q] == 0) return;
        double theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        double t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        double c = 1 / Math.sqrt(t * t + 1);
        double s = t * c;
        for (int i = 0; i < a.length; i++) {
            double x = a[i][p];
            double y = a[i][q];
            a[i][p] = c * x - s * y;
            a[i][q] = s * x + c * y;
        }
        for (int i = 0; i < a.length; i++) {
            double x = a[p][i];
            double y = a[q][i];
            a[p][i] = c * x - s * y;
            a[q][i] = s * x + c * y;
            double g = v[i][p];
            double h = v[i][q];
            v[i][p] = c * g - s * h;
            v[i][q] = s * g + c * h;
        }
    }

    /** Gram-Schmidt, done twice. A vector that lies in the span of the earlier ones up to rounding becomes 0. */
    private static void orthonormalize(double[][] q) {
        for (int twice = 0; twice < 2; twice++) {
            for (int b = 0; b < q.length; b++) {
                double before = Math.sqrt(dot(q[b], q[b]));
                for (int a = 0; a < b; a++) {
                    double along = dot(q[a], q[b]);
                    for (int i = 0; i < q[b].length; i++) q[b][i] -= along * q[a][i];
                }
                if (Math.sqrt(dot(q[b], q[b])) <= 1e-10 * before) Arrays.fill(q[b], 0);
                normalize(q[b]);
            }
        }
    }

    private static double[] times(double[][] matrix, double[] v) {
        double[] out = new double[matrix.length];
        for (int i = 0; i < out.length; i++) out[i] = dot(matrix[i], v);
        return out;
    }

    private static double dot(double[] a, double[] b) {
        double s0 = 0, s1 = 0, s2 = 0, s3 = 0;
        int i = 0;
        for (; i + 4 <= a.length; i += 4) {
            s0 += a[i] * b[i];
            s1 += a[i + 1] * b[i + 1];
            s2 += a[i + 2] * b[i + 2];
            s3 += a[i + 3] * b[i + 3];
        }
        for (; i < a.length; i++) s0 += a[i] * b[i];
        return (s0 + s1) + (s2 + s3);
    }

    private static void normalize(double[] v) {
        double norm = Math.sqrt(dot(v, v));
        if (norm > 0) for (int i = 0; i < v.length; i++) v[i] /= norm;
    }

    /** Fixes the sign: the largest component is made positive, so that results are reproducible. */
    private static void point(double[] axis) {
        double largest = 0;
        for (double x : axis) if (Math.abs(x) > Math.abs(largest)) largest = x;
        if (largest < 0) for (int i = 0; i < axis.length; i++) axis[i] = -axis[i];
    }

    /** Coordinates of a vector, one per direction. */
    public double[] place(float[] vector) {
        double[] place = new double[axes.length];
        for (int c = 0; c < place.length; c++) {
            for (int j = 0; j < mean.length; j++) place[c] += axes[c][j] * ((double) vector[j] - mean[j]);
        }
        return place;
    }

    /** Share of the total variance along each direction. */
    public double[] shares() {
        double[] shares = new double[variances.length];
        for (int c = 0; c < shares.length; c++) shares[c] = total == 0 ? 0 : variances[c] / total;
        return shares;
    }
}
