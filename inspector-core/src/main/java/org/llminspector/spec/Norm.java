package org.llminspector.spec;

/**
 * RMSNorm or LayerNorm: divides a vector by its root mean square and multiplies it by a learned weight.
 *
 * @param kind LAYER subtracts the mean first
 * @param eps added to the mean square before the root
 * @param weight whether a learned weight follows (not in OLMo 1)
 * @param bias whether a learned bias follows
 */
public record Norm(Kind kind, double eps, boolean weight, boolean bias) {
    public enum Kind {
        RMS,
        LAYER
    }

    /** The usual form: RMS with a weight, LAYER with a weight and a bias. */
    public Norm(Kind kind, double eps) {
        this(kind, eps, true, kind == Kind.LAYER);
    }
}
