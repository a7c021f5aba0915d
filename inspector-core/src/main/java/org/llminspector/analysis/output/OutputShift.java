package org.llminspector.analysis.output;

import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;

/** Two next-token distributions over one vocabulary, before and after a change. */
public final class OutputShift {

    /**
     * One token on both sides.
     *
     * @param rank 0 for the most probable; ties by id
     */
    public record Moved(
            int id, double prob, double afterProb, float logit, float afterLogit, int rank, int afterRank) {}

    private final float[] before;
    private final float[] after;
    private final double[] p;
    private final double[] q;

    /** Logits of one position on both sides, [vocab] each. */
    public OutputShift(float[] before, float[] after) {
        if (before.length != after.length) {
            throw Problem.invalid("the two runs have different vocabularies")
                    .where("logits")
                    .expected(before.length)
                    .found(after.length);
        }
        this.before = before;
        this.after = after;
        this.p = probabilities(before);
        this.q = probabilities(after);
    }

    /** KL(before || after), nats. */
    public double kl() {
        double kl = 0;
        for (int i = 0; i < p.length; i++) if (p[i] > 0) kl += p[i] * (Math.log(p[i]) - Math.log(q[i]));
        return Math.max(0, kl);
    }

    /** The most probable tokens before, in order. */
    public List<Moved> top(int n) {
        return best(n, i -> p[i]);
    }

    /** The most probable tokens after. */
    public List<Moved> afterTop(int n) {
        return best(n, i -> q[i]);
    }

    /** The tokens whose probability changed most in either direction. */
    public List<Moved> moved(int n) {
        return best(n, i -> Math.abs(q[i] - p[i]));
    }

    /** One token. */
    public Moved of(int id) {
        return new Moved(id, p[id], q[id], before[id], after[id], rank(before, id), rank(after, id));
    }

    private List<Moved> best(int n, IntToDoubleFunction score) {
        Comparator<Integer> better = Comparator.comparingDouble((Integer i) -> -score.applyAsDouble(i))
                .thenComparingInt(i -> i);
        PriorityQueue<Integer> best = new PriorityQueue<>(better.reversed()); // the worst of them first
        for (int i = 0; i < p.length; i++) {
            best.add(i);
            if (best.size() > n) best.remove();
        }
        return best.stream().sorted(better).map(this::of).toList();
    }

    private static int rank(float[] logits, int id) {
        int rank = 0;
        for (int i = 0; i < logits.length; i++) {
            if (logits[i] > logits[id] || (logits[i] == logits[id] && i < id)) rank++;
        }
        return rank;
    }

    /** Softmax in float64. */
    private static double[] probabilities(float[] logits) {
        double most = IntStream.range(0, logits.length)
                .mapToDouble(i -> logits[i])
                .max()
                .orElseThrow();
        double[] p = IntStream.range(0, logits.length)
                .mapToDouble(i -> Math.exp(logits[i] - most))
                .toArray();
        double sum = Arrays.stream(p).sum();
        for (int i = 0; i < p.length; i++) p[i] /= sum;
        return p;
    }
}
