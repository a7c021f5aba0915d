package org.llminspector.spec;

/**
 * Norm divides a vector by its size and multiplies by a learned weight.
 *
 * @param kind LAYER subtracts the mean first and has a bias; RMS does neither
 * @param eps added to the mean square under the root
 */
public record Norm(Kind kind, double eps) {
    /** Which of the two norms of the field. */
    public enum Kind {
        RMS,
        LAYER
    }
}
