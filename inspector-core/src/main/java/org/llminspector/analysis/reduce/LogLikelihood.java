package org.llminspector.analysis.reduce;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.Vectors;
import org.llminspector.analysis.reduce.state.WindowTable;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * Log-probability of each window's tokens that count, given those before them: an evaluation's continuations.
 *
 * <p>{@code window}, {@code document}, {@code count} and {@code greedy} I64 [windows], 1 where each of the tokens is the most
 * probable one at its place; {@code sum} F64 [windows] of ln p, nats, NaN where a logit is. The batch's last token needs no
 * logits: the model may have read all but it.
 */
public final class LogLikelihood implements Reducer {

    private static final String AT = "loglikelihood/";

    private final WindowTable windows =
            new WindowTable(AT, List.of("window", "document", "count", "greedy"), List.of("sum"));

    @Override
    public SortedSet<HookId> hooks() {
        return new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
    }

    /** @param logits [batch, pos, vocab] of all positions, or of all but the last */
    @Override
    public void add(WindowBatch batch, HookId hook, Tensor logits) {
        int positions = batch.positions();
        double[] logprob = new double[positions]; // of the token at each position
        boolean[] greedy = new boolean[positions];
        for (int b = 0; b < batch.size(); b++) {
            int[] tokens = batch.tokens()[b];
            int first = Math.min(positions, Math.max(1, batch.from()[b]));
            LogitRows.each(logits, b * logits.shape()[1] + first - 1, positions - first, (r, x) -> {
                int token = tokens[first + r];
                logprob[first + r] = x[token] - LogitRows.logSum(x);
                greedy[first + r] = Vectors.argmax(x) == token;
            });
            double sum = 0;
            boolean all = true;
            for (int t = first; t < positions; t++) {
                sum += logprob[t];
                all &= greedy[t];
            }
            windows.add();
            windows.integer(0, batch.window()[b]);
            windows.integer(1, batch.document()[b]);
            windows.integer(2, positions - first);
            windows.integer(3, all ? 1 : 0);
            windows.number(0, sum);
        }
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        windows.write(state);
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        windows.merge(later);
    }

    @Override
    public long bytes(long count, int positions) {
        return windows.bytes(count);
    }
}
