package org.llminspector.quant;

import java.util.List;

/**
 * QuantError is how far decoded weights w' are from the weights w; sums are float64.
 *
 * @param max largest |w - w'|
 * @param maxAt {row, column} of the first weight that is off so far
 * @param rms root of the mean of (w - w')^2
 * @param relative |w - w'| / |w|, L2 norms; 0 when both are 0
 * @param sqnrDb signal to quantization noise, 10 log10(|w|^2 / |w - w'|^2), dB; null when nothing is lost
 * @param cosine of w and w'; 1 when both are 0
 * @param norm |w|, L2
 */
public record QuantError(
        double max, List<Integer> maxAt, double rms, double relative, Double sqnrDb, double cosine, double norm) {

    public QuantError {
        maxAt = List.copyOf(maxAt);
    }
}
