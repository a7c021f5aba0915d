package org.llminspector.spec;

/**
 * Norm divides a vector by its size and multiplies by a learned weight.
 *
 * @param kind LAYER subtracts the mean first
 * @param eps added to the mean square under the root
 * @param weight whether a learned weight follows (not in OLMo 1)
 * @param bias whether a learned bias follows
 */
public record Norm(Kind kind, double eps, boolean weight, boolean bias) {
    /** Which of the two norms of the field. */
    public enum Kind {
        RMS,
        LAYER
    }

    /** As most have it: RMS with a weight, LAYER with a bias too. */
    public Norm(Kind kind, double eps) {
        this(kind, eps, true, kind == Kind.LAYER);
    }
}
