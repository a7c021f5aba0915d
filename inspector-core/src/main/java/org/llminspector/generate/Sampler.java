package org.llminspector.generate;

import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.llminspector.base.Exp;
import org.llminspector.base.Problem;

/**
 * Sampler of the next token, with the order and semantics of Hugging Face's logits processors: repetition penalty,
 * temperature, top-k, top-p, min-p. OpenAI's presence and frequency penalties, which count generated tokens only,
 * follow the repetition penalty. Sums are float64.
 *
 * <p>Used for one sequence: it keeps the tokens seen, and its random numbers are determined by the seed.
 */
final class Sampler {

    /**
     * The chosen token.
     *
     * @param logprob natural log of its probability under the model
     * @param sampledProb its probability in the distribution that was sampled from; 1 when greedy
     * @param logNorm log of the sum of e^logit: {@code logit - logNorm} is a token's log probability
     */
    record Choice(int id, double logprob, double sampledProb, double logNorm) {}

    private final GenerateOptions options;
    private final BitSet seen = new BitSet();
    /** Count of each generated token. */
    private final Map<Integer, Integer> made = new HashMap<>();

    private final SplittableRandom random;

    /** The first {@code kept} ids are the candidates, in ascending order. */
    private int[] ids = new int[0];

    private int kept;
    /** Unnormalized probability of each candidate by id: e^((score - max) / temperature). */
    private double[] weights = new double[0];

    private long[] keys = new long[0];

    /**
     * @param options with defaults filled in
     * @param prompt its tokens count as seen
     * @param generated index in the prompt of the first token generated before
     */
    Sampler(GenerateOptions options, int[] prompt, int generated) {
        this.options = options;
        this.random = options.greedy() ? null : new SplittableRandom(options.seed());
        for (int i = 0; i < prompt.length; i++) {
            seen.set(prompt[i]);
            if (i >= generated) made.merge(prompt[i], 1, Integer::sum);
        }
    }

    /**
     * Chooses a token; the logits are not modified.
     *
     * @param logits [vocab]; a non-finite one throws a Problem
     * @param position of the chosen token, for that Problem
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
            double sum = filter(scores);
            id = draw(sum);
            sampledProb = weights[id] / sum;
        }
        seen.set(id);
        made.merge(id, 1, Integer::sum);
        return new Choice(id, logits[id] - logNorm, sampledProb, logNorm);
    }

    /** The sampling distribution [vocab]; when greedy, at temperature 1. */
    double[] distribution(float[] logits) {
        double sum = filter(penalized(logits));
        double[] probs = new double[logits.length];
        for (int i = 0; i < kept; i++) probs[ids[i]] = weights[ids[i]] / sum;
        return probs;
    }

    private float[] penalized(float[] logits) {
        double penalty = options.repetitionPenalty();
        double presence = options.presencePenalty();
        double frequency = options.frequencyPenalty();
        if (penalty == 1 && presence == 0 && frequency == 0) return logits;
        float[] scores = logits.clone();
        for (int id = seen.nextSetBit(0); id >= 0 && id < scores.length; id = seen.nextSetBit(id + 1)) {
            scores[id] = (float) (scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty);
        }
        made.forEach((id, times) -> {
            if (id < scores.length) scores[id] = (float) (scores[id] - presence - frequency * times);
        });
        return scores;
    }

    /** Determines the candidates and their weights; returns the weights' sum. */
    private double filter(float[] scores) {
        if (weights.length < scores.length) {
            weights = new double[scores.length];
            keys = new long[scores.length];
            ids = new int[scores.length];
        }
        keepTopK(scores);
        double sum = weigh(scores);
        if (options.greedy()) return sum;
        if (options.topP() < 1) sum = keepNucleus(scores, sum);
        if (options.minP() > 0) sum = keepProbable();
        return sum;
    }

    private void keepTopK(float[] scores) {
        int k = options.greedy() ? 0 : options.topK();
        float least = k > 0 && k < scores.length ? Ranking.nth(scores, k) : Float.NEGATIVE_INFINITY;
        int size = 0;
        for (int id = 0; id < scores.length; id++) if (scores[id] >= least) ids[size++] = id;
        kept = size;
    }

    private double weigh(float[] scores) {
        float max = Float.NEGATIVE_INFINITY;
        for (int i = 0; i < kept; i++) max = Math.max(max, scores[ids[i]]);
        double temperature = options.greedy() ? 1 : options.temperature();
        double sum = 0;
        for (int i = 0; i < kept; i++) {
            int id = ids[i];
            double weight = Exp.exp(((double) scores[id] - max) / temperature);
            weights[id] = weight;
            sum += weight;
        }
        return sum;
    }

    private double keepNucleus(float[] scores, double sum) {
        double p = options.topP();
        // Tokens below this weight have less than 1 - p in total, so none is in the nucleus.
        double rare = (1 - p) * sum / kept;
        int size = 0;
        for (int i = 0; i < kept; i++) {
            int id = ids[i];
            if (weights[id] < rare) continue;
            ids[size] = id;
            keys[size++] = Ranking.key(scores[id], id);
        }
        long last = Ranking.select(keys, size, weights, p * sum);
        kept = 0;
        double left = 0;
        for (int i = 0; i < size; i++) {
            int id = ids[i];
            if (Ranking.key(scores[id], id) < last) continue;
            ids[kept++] = id;
            left += weights[id];
        }
        return left;
    }

    private double keepProbable() {
        int size = kept;
        kept = 0;
        double sum = 0;
        for (int i = 0; i < size; i++) {
            if (weights[ids[i]] < options.minP()) continue; // the most probable has weight 1
            ids[kept++] = ids[i];
            sum += weights[ids[i]];
        }
        return sum;
    }

    private int draw(double sum) {
        double left = random.nextDouble() * sum;
        for (int i = 0; i < kept; i++) {
            left -= weights[ids[i]];
            if (left < 0) return ids[i];
        }
        return ids[kept - 1]; // reached by rounding only
    }

    private static int best(float[] scores) {
        int best = 0;
        float max = scores[0];
        for (int i = 1; i < scores.length; i++) {
            if (scores[i] <= max) continue;
            max = scores[i];
            best = i;
        }
        return best;
    }

    static double logNorm(float[] logits) {
        double max = logits[best(logits)];
        double sum = 0;
        for (float x : logits) sum += Exp.exp(x - max);
        return max + Math.log(sum);
    }

    private static void checkFinite(float[] logits, int position) {
        if (logits.length == 0) throw new IllegalArgumentException("no logits at position " + position);
        for (int id = 0; id < logits.length; id++) {
            if (Math.abs(logits[id]) <= Float.MAX_VALUE) continue; // false for NaN
            throw Problem.unsupported("the model's logits are not finite")
                    .where("the logits for position " + position + ", token " + id)
                    .expected("finite numbers")
                    .found(logits[id])
                    .instead("capture blocks.*.hook_resid_post to see where it starts; an intervention with large"
                            + " numbers or FP16 overflow can cause it");
        }
    }
}
