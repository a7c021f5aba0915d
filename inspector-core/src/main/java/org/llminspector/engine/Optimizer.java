package org.llminspector.engine;

/**
 * Optimizer settings; the update rules are those of PyTorch's optimizers of the same names.
 *
 * @param kind SGD: w -= lr g. MOMENTUM: b = momentum b + g; w -= lr b. ADAM, ADAMW: Kingma and Ba 2015, Loshchilov and
 *     Hutter 2019
 * @param momentum of MOMENTUM
 * @param beta1 decay of the mean gradient (Adam)
 * @param beta2 decay of the mean squared gradient (Adam)
 * @param eps added to the root of the mean square (Adam)
 * @param weightDecay applies to matrices only; decoupled in ADAMW (w -= lr weightDecay w), added to the gradient in the
 *     others
 */
public record Optimizer(Kind kind, double momentum, double beta1, double beta2, double eps, double weightDecay) {

    public enum Kind {
        SGD,
        MOMENTUM,
        ADAM,
        ADAMW
    }

    /** Null arguments take the usual constants; null weight decay means 0. */
    public static Optimizer of(Kind kind, Double momentum, Double beta1, Double beta2, Double eps, Double weightDecay) {
        return new Optimizer(
                kind, or(momentum, 0.9), or(beta1, 0.9), or(beta2, 0.999), or(eps, 1e-8), or(weightDecay, 0));
    }

    private static double or(Double value, double otherwise) {
        return value == null ? otherwise : value;
    }
}
