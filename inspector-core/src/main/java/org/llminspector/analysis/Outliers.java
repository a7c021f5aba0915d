package org.llminspector.analysis;

import java.util.Arrays;

/**
 * Outlier statistics of activations, which decide whether they can be quantized to 8 bits: a few very large values
 * leave few steps for the rest (LLM.int8(), arXiv:2208.07339; SmoothQuant, arXiv:2211.10438). Largest magnitude and
 * kurtosis are the measures of arXiv:2306.12929, table 1.
 *
 * @param maxAbs the largest |x|
 * @param position of maxAbs
 * @param channel of maxAbs
 * @param rms root mean square over all values, to compare {@code maxAbs} with
 * @param kurtosis mean of (x - mean)^4 over the squared variance, 3 for a normal distribution; null where nothing
 *     varies
 * @param topShare share of the energy (sum of squares) in the {@code topChannels} channels with the most
 * @param topChannels one in a hundred, at least one
 */
public record Outliers(
        double maxAbs,
        int position,
        int channel,
        double rms,
        Double kurtosis,
        double topShare,
        int topChannels,
        int channels) {

    /**
     * @param x [pos, channels], row-major
     * @param channels columns
     */
    public static Outliers of(float[] x, int channels) {
        if (x.length == 0 || x.length % channels != 0) throw new IllegalArgumentException(x.length + " by " + channels);
        int largest = 0;
        double sum = 0;
        double squares = 0;
        double[] energy = new double[channels];
        for (int i = 0; i < x.length; i++) {
            if (Math.abs(x[i]) > Math.abs(x[largest])) largest = i;
            double square = (double) x[i] * x[i];
            sum += x[i];
            squares += square;
            energy[i % channels] += square;
        }
        double mean = sum / x.length;
        double second = 0;
        double fourth = 0;
        for (float v : x) {
            double d = (v - mean) * (v - mean);
            second += d;
            fourth += d * d;
        }
        Arrays.sort(energy);
        int top = Math.max(1, channels / 100);
        double most = 0;
        for (int c = channels - top; c < channels; c++) most += energy[c];
        return new Outliers(
                Math.abs(x[largest]),
                largest / channels,
                largest % channels,
                Math.sqrt(squares / x.length),
                second == 0 ? null : (Double) (fourth * x.length / (second * second)),
                squares == 0 ? 0 : most / squares,
                top,
                channels);
    }
}
