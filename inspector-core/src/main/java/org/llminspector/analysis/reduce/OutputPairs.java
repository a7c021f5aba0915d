package org.llminspector.analysis.reduce;

import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.llminspector.analysis.output.LogitPair;
import org.llminspector.analysis.reduce.state.WindowTable;
import org.llminspector.base.Tensor;

/**
 * Divergence of two models' outputs on a corpus, kept by window: sums over the tokens that {@link Loss} counts.
 *
 * <p>{@code divergence/window/}: I64 {@code window}, {@code document}, {@code count} of tokens, {@code same_top} of those for
 * which both have the same most probable one (the others are flips), {@code nonfinite} of tokens at which a divergence or a loss
 * is NaN or infinite, which are in nothing else; F64 {@code kl_ab}, {@code kl_ba}, {@code nll_a}, {@code nll_b}, nats.
 */
public final class OutputPairs implements PairReducer {

    /** The beginning of its tensors' names. */
    public static final String AT = "divergence/window/";

    private final WindowTable windows = new WindowTable(
            AT,
            List.of("window", "document", "count", "same_top", "nonfinite"),
            List.of("kl_ab", "kl_ba", "nll_a", "nll_b"));

    @Override
    public void add(WindowBatch batch, Tensor a, Tensor b) {
        int positions = batch.positions();
        int vocab = Math.toIntExact(a.shape()[2]);
        if (b.shape()[2] != vocab) throw new IllegalArgumentException(a + " beside " + b);
        LogitPair[] pairs = new LogitPair[positions];
        for (int w = 0; w < batch.size(); w++) {
            int[] tokens = batch.tokens()[w];
            int first = Math.min(positions, Math.max(1, batch.from()[w]));
            long row = (long) w * positions + first - 1;
            LogitRows.eachPair(
                    a,
                    b,
                    row,
                    positions - first,
                    (r, x, y) -> pairs[first + r] = LogitPair.of(x, y, tokens[first + r]));
            windows.add();
            windows.integer(0, batch.window()[w]);
            windows.integer(1, batch.document()[w]);
            sum(pairs, first, positions);
        }
    }

    private void sum(LogitPair[] pairs, int first, int positions) {
        long same = 0;
        long count = 0;
        double klAb = 0;
        double klBa = 0;
        double nllA = 0;
        double nllB = 0;
        for (int t = first; t < positions; t++) {
            LogitPair pair = pairs[t];
            if (!pair.finite()) continue;
            count++;
            if (pair.sameTop()) same++;
            klAb += pair.klAb();
            klBa += pair.klBa();
            nllA += pair.nllA();
            nllB += pair.nllB();
        }
        windows.integer(2, count);
        windows.integer(3, same);
        windows.integer(4, positions - first - count);
        windows.number(0, klAb);
        windows.number(1, klBa);
        windows.number(2, nllA);
        windows.number(3, nllB);
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
    public long bytes(long count) {
        return windows.bytes(count);
    }
}
