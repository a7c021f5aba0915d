package org.llminspector.analysis.output;

import java.util.Arrays;
import org.llminspector.base.Tensor;

/**
 * Split of the error of one module's output into local error (made here) and error inherited from its input.
 *
 * <p>With out_A(in_A) the output of A's module on A's input, out_B(in_B) that of B's module on B's input, and
 * out_B(in_A) that of B's module on A's input (patched in before the module):
 *
 * <pre>
 *   out_B(in_B) - out_A(in_A)  =  [out_B(in_A) - out_A(in_A)]  +  [out_B(in_B) - out_B(in_A)]
 *           error              =          made here            +          inherited
 * </pre>
 *
 * <p>The vectors add up exactly for any module; their norms do not, since the two may be parallel or cancel.
 *
 * @param total |error| / |out_A|
 * @param made |made here| / |out_A|
 * @param inherited |inherited| / |out_A|
 * @param cosine between local and inherited error: near 1 they add up, near -1 they cancel; null when either is 0
 */
public record ErrorSplit(double total, double made, double inherited, Double cosine) {

    /**
     * @param a A's output
     * @param b B's output
     * @param bOnA output of B's module on A's input; all of the same shape
     */
    public static ErrorSplit of(Tensor a, Tensor b, Tensor bOnA) {
        if (!Arrays.equals(a.shape(), b.shape()) || !Arrays.equals(a.shape(), bOnA.shape())) {
            throw new IllegalArgumentException(a + " beside " + b + " and " + bOnA);
        }
        float[] x = a.toFloats();
        float[] y = b.toFloats();
        float[] z = bOnA.toFloats();
        double norm = 0;
        double total = 0;
        double made = 0;
        double inherited = 0;
        double dot = 0;
        for (int i = 0; i < x.length; i++) {
            double e = (double) y[i] - x[i];
            double m = (double) z[i] - x[i];
            double h = (double) y[i] - z[i];
            norm += (double) x[i] * x[i];
            total += e * e;
            made += m * m;
            inherited += h * h;
            dot += m * h;
        }
        return new ErrorSplit(
                relative(total, norm),
                relative(made, norm),
                relative(inherited, norm),
                made == 0 || inherited == 0 ? null : dot / Math.sqrt(made) / Math.sqrt(inherited));
    }

    private static double relative(double squares, double norm) {
        return squares == 0 ? 0 : Math.sqrt(squares / norm);
    }
}
