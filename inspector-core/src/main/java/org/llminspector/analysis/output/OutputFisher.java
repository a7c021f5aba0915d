package org.llminspector.analysis.output;

import java.util.Arrays;
import org.llminspector.base.Tensor;

/**
 * Fisher estimate, from a gradient, of the KL divergence in the model's output when an intermediate value is changed.
 *
 * <p>To second order KL(p || p + change) is half of change' F change, with F the Fisher information of the value. F is
 * replaced by its diagonal, and that by the squared gradient of the text's own negative log-likelihood (the empirical
 * Fisher): BRECQ's criterion for the output of a block, squared gradient times squared change of the output, summed
 * (arXiv:2102.05426, section 3.3; FIMA-Q, arXiv:2506.11543, shows it to be an estimate of the KL divergence).
 */
public final class OutputFisher {

    private OutputFisher() {}

    /**
     * Half the sum of squared gradient times squared change, nats.
     *
     * @param gradient of the sum over positions of -ln p(next token), with respect to the value
     * @param before the value
     * @param after the changed value; all of the same shape
     */
    public static double kl(Tensor gradient, Tensor before, Tensor after) {
        if (!Arrays.equals(gradient.shape(), before.shape()) || !Arrays.equals(before.shape(), after.shape())) {
            throw new IllegalArgumentException(gradient + " beside " + before + " and " + after);
        }
        float[] g = gradient.toFloats();
        float[] x = before.toFloats();
        float[] y = after.toFloats();
        double sum = 0;
        for (int i = 0; i < g.length; i++) {
            double change = (double) y[i] - x[i];
            sum += (double) g[i] * g[i] * change * change;
        }
        return sum / 2;
    }
}
