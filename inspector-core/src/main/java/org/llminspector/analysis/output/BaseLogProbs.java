package org.llminspector.analysis.output;

import java.util.Arrays;

/**
 * Log-probabilities of one position quantized to 16 bits, as stored by {@code llama-perplexity --kl-divergence-base}:
 * ln p(v) is {@code scale} times code v plus {@code least}. Codes span at most the highest 16 nats of the logits; lower
 * ones have code 0. (llama.cpp, tools/perplexity/perplexity.cpp, {@code log_softmax}; its arithmetic is float32, and so
 * is this one where it affects a code.)
 *
 * @param scale nats per code
 * @param least ln of the probability of code 0
 * @param codes unsigned 16 bits each, [vocab]
 */
public record BaseLogProbs(float scale, float least, short[] codes) {

    private static final float SPAN = 16;
    private static final float MOST_CODE = 65535;

    /** @param logits [vocab] */
    public static BaseLogProbs of(float[] logits) {
        float max = logits[0];
        float min = logits[0];
        for (float l : logits) {
            max = Math.max(max, l);
            min = Math.min(min, l);
        }
        min = Math.max(min, max - SPAN);
        double sum = 0;
        for (float l : logits) sum += Math.exp(l - max);
        float logSum = (float) Math.log(sum);
        float scale = (max - min) / MOST_CODE;
        short[] codes = new short[logits.length];
        float inverse = 1 / scale;
        for (int v = 0; scale > 0 && v < codes.length; v++) {
            if (logits[v] > min) codes[v] = (short) Math.rint(inverse * (logits[v] - min));
        }
        return new BaseLogProbs(scale, min - max - logSum, codes);
    }

    /** ln p of one entry. */
    float at(int v) {
        return scale * (codes[v] & 0xffff) + least;
    }

    int vocab() {
        return codes.length;
    }

    @Override
    public boolean equals(Object o) {
        return o instanceof BaseLogProbs b && scale == b.scale && least == b.least && Arrays.equals(codes, b.codes);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(codes);
    }

    @Override
    public String toString() {
        return "log-probabilities of " + codes.length + " entries in 16 bits";
    }
}
