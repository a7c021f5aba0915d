package org.llminspector.generate;

import java.util.BitSet;
import java.util.SplittableRandom;
import org.llminspector.base.Problem;

/**
 * Sampler picks the next token from the model's logits, in the order and with the meanings of Hugging Face's
 * logits processors: repetition penalty, temperature, top-k, top-p, min-p. Sums are float64.
 *
 * <p>One sampler serves one sequence: it remembers what was seen, and its random numbers follow from the seed.
 */
final class Sampler {

    /**
     * Choice is the token that was picked.
     *
     * @param logprob natural log of its probability under the model
     * @param sampledProb its probability in the distribution that was sampled from; 1 when greedy
     * @param logNorm log of the sum of e^logit: {@code logit - logNorm} is a token's log probability
     */
    record Choice(int id, double logprob, double sampledProb, double logNorm) {}

    private final GenerateOptions options;
    private final BitSet seen = new BitSet();
    private final SplittableRandom random;
    private double[] weights = new double[0];
    private long[] keys = new long[0];

    /** Options are with their defaults; the prompt's tokens count as seen. */
    Sampler(GenerateOptions options, int[] prompt) {
        this.options = options;
        this.random = options.greedy() ? null : new SplittableRandom(options.seed());
        for (int id : prompt) seen.set(id);
    }

    /**
     * Picks from these logits, which stay as they are.
     *
     * @param logits [vocab]; one that is not finite is a Problem
     * @param position of the token that is picked, for that Problem
     */
    Choice pick(float[] logits, int position) {
        checkFinite(logits, position);
        double logNorm = logNorm(logits);
        float[] scores = penalized(logits);
        int id;
        double sampledProb = 1;
        if (options.greedy()) {
            id = best(scores);
        } else {
            double kept = filter(scores);
            id = draw(kept);
            sampledProb = weights[id] / kept;
        }
        seen.set(id);
        return new Choice(id, logits[id] - logNorm, sampledProb, logNorm);
    }

    /** The probabilities that a token would be drawn with after these logits, [vocab]. */
    double[] distribution(float[] logits) {
        double sum = filter(penalized(logits));
        double[] probs = new double[logits.length];
        for (int i = 0; i < probs.length; i++) probs[i] = weights[i] / sum;
        return probs;
    }

    /**
     * Sets {@code weights} to e^((score - max) / temperature) where a token is kept and to 0 elsewhere.
     *
     * @return their sum
     */
    private double filter(float[] scores) {
        int n = scores.length;
        if (weights.length < n) {
            weights = new double[n];
            keys = new long[n];
        }
        float max = scores[best(scores)];
        int k = options.topK() == 0 ? n : Math.min(options.topK(), n);
        float least = k < n ? Ranking.nth(scores, k) : Float.NEGATIVE_INFINITY;
        double sum = 0;
        for (int i = 0; i < n; i++) {
            weights[i] = scores[i] < least ? 0 : Math.exp(((double) scores[i] - max) / options.temperature());
            sum += weights[i];
        }
        if (options.topP() < 1) keepNucleus(scores, sum);
        double kept = 0;
        for (int i = 0; i < n; i++) {
            if (weights[i] < options.minP()) weights[i] = 0; // the best has weight 1
            kept += weights[i];
        }
        return kept;
    }

    private void keepNucleus(float[] scores, double sum) {
        double p = options.topP();
        // Tokens this rare weigh less than 1 - p all together, so none of them is in the nucleus.
        double rare = (1 - p) * sum / scores.length;
        int size = 0;
        for (int i = 0; i < scores.length; i++) {
            if (weights[i] > 0 && weights[i] >= rare) keys[size++] = Ranking.key(scores[i], i);
        }
        long last = Ranking.select(keys, size, weights, p * sum);
        for (int i = 0; i < scores.length; i++) {
            if (weights[i] > 0 && Ranking.key(scores[i], i) < last) weights[i] = 0;
        }
    }

    private int draw(double sum) {
        double left = random.nextDouble() * sum;
        int last = 0;
        for (int i = 0; i < weights.length; i++) {
            if (weights[i] == 0) continue;
            last = i;
            left -= weights[i];
            if (left < 0) return i;
        }
        return last; // rounding: the sum was reached only just
    }

    private float[] penalized(float[] logits) {
        double penalty = options.repetitionPenalty();
        if (penalty == 1) return logits;
        float[] scores = logits.clone();
        for (int id = seen.nextSetBit(0); id >= 0 && id < scores.length; id = seen.nextSetBit(id + 1)) {
            scores[id] = (float) (scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty);
        }
        return scores;
    }

    private static int best(float[] scores) {
        int best = 0;
        for (int i = 1; i < scores.length; i++) if (scores[i] > scores[best]) best = i;
        return best;
    }

    private static double logNorm(float[] logits) {
        float max = logits[best(logits)];
        double sum = 0;
        for (float x : logits) sum += Math.exp((double) x - max);
        return max + Math.log(sum);
    }

    private static void checkFinite(float[] logits, int position) {
        if (logits.length == 0) throw new IllegalArgumentException("no logits at position " + position);
        for (int id = 0; id < logits.length; id++) {
            if (Float.isFinite(logits[id])) continue;
            throw Problem.of(Problem.Kind.INTERNAL, "the model's logits are not finite")
                    .where("the logits for position " + position + ", token " + id)
                    .expected("finite numbers")
                    .found(logits[id])
                    .instead("capture blocks.*.hook_resid_post to see where it starts; an intervention with large"
                            + " numbers or FP16 overflow can cause it");
        }
    }
}
