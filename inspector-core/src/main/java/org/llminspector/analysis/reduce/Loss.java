package org.llminspector.analysis.reduce;

import java.util.List;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.llminspector.analysis.reduce.state.Counter;
import org.llminspector.analysis.reduce.state.Means;
import org.llminspector.analysis.reduce.state.WindowTable;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * Loss of a corpus's tokens: -ln p(token | those before it in its window), nats, by position, by token and by window.
 *
 * <p>{@code position/sum} F64 and {@code position/count} I64 [pos] of the tokens at a position (the first of a window has
 * none), {@code token/sum|count} [vocab] of the tokens with an id, {@code window/window|document|count} I64 and {@code
 * window/sum} F64 [windows]. Tokens whose loss is NaN or infinite are in none of them, but in {@code nonfinite} I64 [1].
 */
public final class Loss implements Reducer {

    private static final String AT = "loss/";

    private final DecoderSpec spec;
    private final Means position = new Means(AT + "position/");
    private final Means token = new Means(AT + "token/");
    private final WindowTable windows =
            new WindowTable(AT + "window/", List.of("window", "document", "count"), List.of("sum"));
    private final Counter nonfinite = new Counter(AT + "nonfinite");

    public Loss(DecoderSpec spec) {
        this.spec = spec;
    }

    @Override
    public SortedSet<HookId> hooks() {
        return new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
    }

    /** @param logits [batch, pos, vocab] */
    @Override
    public void add(WindowBatch batch, HookId hook, Tensor logits) {
        int positions = batch.positions();
        position.grow(positions);
        token.grow(Math.toIntExact(logits.shape()[2]));
        double[] nll = new double[positions]; // of the token at each position
        for (int b = 0; b < batch.size(); b++) {
            int[] tokens = batch.tokens()[b];
            int first = Math.min(positions, Math.max(1, batch.from()[b]));
            LogitRows.each(
                    logits,
                    (long) b * positions + first - 1,
                    positions - first,
                    (r, x) -> nll[first + r] = LogitRows.logSum(x) - x[tokens[first + r]]);
            double sum = 0;
            long count = 0;
            for (int t = first; t < positions; t++) {
                if (!Double.isFinite(nll[t])) {
                    nonfinite.add(1);
                    continue;
                }
                position.add(t, nll[t]);
                token.add(tokens[t], nll[t]);
                sum += nll[t];
                count++;
            }
            windows.add();
            windows.integer(0, batch.window()[b]);
            windows.integer(1, batch.document()[b]);
            windows.integer(2, count);
            windows.number(0, sum);
        }
    }

    @Override
    public SortedMap<String, Tensor> state() {
        SortedMap<String, Tensor> state = new TreeMap<>();
        position.write(state);
        token.write(state);
        windows.write(state);
        nonfinite.write(state);
        return state;
    }

    @Override
    public void merge(Function<String, Tensor> later) {
        position.merge(later);
        token.merge(later);
        windows.merge(later);
        nonfinite.merge(later);
    }

    @Override
    public long bytes(long count, int positions) {
        return Means.bytes(positions) + Means.bytes(spec.vocab()) + windows.bytes(count) + Long.BYTES;
    }
}
