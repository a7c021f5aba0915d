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
 */
public record QuantError(
        double max, List<Integer> maxAt, double rms, double relative, Double sqnrDb, double cosine, double norm) {

    public QuantError {
        maxAt = List.copyOf(maxAt);
    }
}
