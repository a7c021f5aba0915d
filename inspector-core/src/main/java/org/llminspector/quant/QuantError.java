package org.llminspector.quant;

import java.util.List;

/**
 * Error of decoded weights w' against the original weights w; sums are float64.
 *
 * @param max largest |w - w'|
 * @param maxAt {row, column} of the first weight with that error
 * @param rms root of the mean of (w - w')^2
 * @param relative |w - w'| / |w|, L2 norms; 0 when both are 0
 * @param sqnrDb signal to quantization noise, 10 log10(|w|^2 / |w - w'|^2), dB; null when the error is 0
 * @param cosine of w and w'; 1 when both are 0
 * @param norm |w|, L2
 * @param weighted by the mean squares of the inputs; null where they are not known
 */
public record QuantError(
        double max,
        List<Integer> maxAt,
        double rms,
        double relative,
        Double sqnrDb,
        double cosine,
        double norm,
        Weighted weighted) {

    /**
     * Error of a weight's outputs over a corpus, were its inputs uncorrelated: with a_j the mean square of input j, the mean of |(W - W') x|^2
     * is then the sum of a_j (w_ij - w'_ij)^2.
     *
     * @param relative root of that sum by the sum of a_j w_ij^2; 0 when both are 0
     * @param sqnrDb -20 log10(relative), dB; null when the error is 0
     * @param norm root of the sum of a_j w_ij^2: the root mean square of |W x|
     */
    public record Weighted(double relative, Double sqnrDb, double norm) {

        static Weighted of(double signal, double noise) {
            return new Weighted(
                    noise == 0 ? 0 : Math.sqrt(noise / signal),
                    noise == 0 ? null : 10 * Math.log10(signal / noise),
                    Math.sqrt(signal));
        }
    }

    public QuantError {
        maxAt = List.copyOf(maxAt);
    }
}
