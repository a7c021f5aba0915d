package org.llminspector.analysis.output;

import java.util.ArrayList;
import java.util.List;

/**
 * Comparison of two models' next-token distributions at one position. Probabilities are at temperature 1 without
 * truncation; logarithms are natural.
 *
 * @param kl KL(A || B), nats
 * @param token the actual next id, or null where there is none
 * @param nllA -ln of A's probability of {@code token}; null without it
 * @param nllB the same for B
 * @param top A's most probable ids, then those of B's that are not among them
 * @param sameTop whether both have the same most probable token
 * @param overlap how many of A's k most probable tokens are among B's
 * @param k number of tokens per side for {@code top} and {@code overlap}
 */
public record TokenDivergence(
        double kl, Integer token, Double nllA, Double nllB, List<Candidate> top, boolean sameTop, int overlap, int k) {

    /** One token with its probability and rank (0 is first) on both sides; a rank of k or more is null. */
    public record Candidate(int id, double probA, double probB, Integer rankA, Integer rankB) {}

    public TokenDivergence {
        top = List.copyOf(top);
    }

    /**
     * @param a logits of A, [vocab]
     * @param b logits of B, [vocab]
     * @param token the actual next id, or null
     */
    public static TokenDivergence of(float[] a, float[] b, Integer token, int k) {
        double[] logA = logSoftmax(a);
        double[] logB = logSoftmax(b);
        double kl = 0;
        for (int v = 0; v < logA.length; v++) {
            double p = Math.exp(logA[v]);
            if (p > 0) kl += p * (logA[v] - logB[v]);
        }
        return of(logA, logB, Math.max(0, kl), token, k);
    }

    /**
     * The same with A's log-probabilities in 16 bits, as in llama.cpp: tokens that A gives less than e^-16 are left
     * out, and the sum can be slightly negative.
     */
    public static TokenDivergence of(BaseLogProbs a, float[] b, Integer token, int k) {
        double[] logA = new double[a.vocab()];
        double[] logB = logSoftmax(b);
        double kl = 0;
        for (int v = 0; v < logA.length; v++) {
            logA[v] = a.at(v);
            if (logA[v] > -16) kl += Math.exp(logA[v]) * (logA[v] - logB[v]);
        }
        return of(logA, logB, kl, token, k);
    }

    private static TokenDivergence of(double[] logA, double[] logB, double kl, Integer token, int k) {
        List<Integer> topA = top(logA, k);
        List<Integer> topB = top(logB, k);
        List<Integer> ids = new ArrayList<>(topA);
        topB.stream().filter(id -> !topA.contains(id)).forEach(ids::add);
        List<Candidate> top = ids.stream()
                .map(id -> new Candidate(id, Math.exp(logA[id]), Math.exp(logB[id]), rank(topA, id), rank(topB, id)))
                .toList();
        return new TokenDivergence(
                kl,
                token,
                token == null ? null : 0 - logA[token],
                token == null ? null : 0 - logB[token],
                top,
                topA.get(0).equals(topB.get(0)),
                topA.size() + topB.size() - ids.size(),
                topA.size());
    }

    /** B's probability of the actual token minus A's, -1 to 1; null where there is none. */
    public Double deltaP() {
        return token == null ? null : Math.exp(-nllB) - Math.exp(-nllA);
    }

    private static Integer rank(List<Integer> top, int id) {
        int at = top.indexOf(id);
        return at < 0 ? null : at;
    }

    private static double[] logSoftmax(float[] logits) {
        double max = Double.NEGATIVE_INFINITY;
        for (float l : logits) max = Math.max(max, l);
        double sum = 0;
        for (float l : logits) sum += Math.exp(l - max);
        double log = max + Math.log(sum);
        double[] out = new double[logits.length];
        for (int i = 0; i < out.length; i++) out[i] = logits[i] - log;
        return out;
    }

    private static List<Integer> top(double[] x, int k) {
        List<Integer> best = new ArrayList<>();
        for (int i = 0; i < x.length; i++) {
            if (best.size() == k && x[i] <= x[best.get(k - 1)]) continue;
            int at = best.size();
            while (at > 0 && x[best.get(at - 1)] < x[i]) at--;
            best.add(at, i);
            if (best.size() > k) best.remove(k);
        }
        return best;
    }
}
