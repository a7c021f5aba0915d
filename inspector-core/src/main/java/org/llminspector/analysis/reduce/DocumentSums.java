package org.llminspector.analysis.reduce;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.IntStream;
import org.llminspector.analysis.output.Intervals;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Tensor;

/**
 * Sums by document of what was kept by window ({@link Loss}, {@link OutputPairs}), in the order of the documents.
 *
 * @param document [document], index in the corpus
 * @param sum [document]
 * @param count [document], tokens
 */
public record DocumentSums(long[] document, double[] sum, long[] count) {

    /**
     * Of a column.
     *
     * @param at {@code loss/window/} or {@link OutputPairs#AT}
     * @param column {@code sum}, {@code kl_ab}, {@code same_top} ...
     */
    public static DocumentSums of(Function<String, Tensor> state, String at, String column) {
        return of(state, at, column, null);
    }

    /** Of a column less another one: {@code nll_b} less {@code nll_a}. */
    public static DocumentSums of(Function<String, Tensor> state, String at, String column, String less) {
        Tensor documents = state.apply(at + "document");
        if (documents == null) return new DocumentSums(new long[0], new double[0], new long[0]);
        long[] window = State.longs(documents, at + "document");
        long[] counts = State.longs(state.apply(at + "count"), at + "count");
        Tensor sums = state.apply(at + column);
        Tensor lesser = less == null ? null : state.apply(at + less);
        Map<Long, Integer> places = new TreeMap<>();
        for (long d : window) places.put(d, 0);
        int n = 0;
        long[] document = new long[places.size()];
        for (Map.Entry<Long, Integer> e : places.entrySet()) {
            document[n] = e.getKey();
            e.setValue(n++);
        }
        double[] sum = new double[n];
        long[] count = new long[n];
        for (int w = 0; w < window.length; w++) {
            int d = places.get(window[w]);
            sum[d] += sums.get(w) - (lesser == null ? 0 : lesser.get(w));
            count[d] += counts[w];
        }
        return new DocumentSums(document, sum, count);
    }

    /** Mean per token with its 95 % interval over documents, or null without a token. */
    public Intervals.Mean mean(long seed) {
        return Intervals.pairedBootstrap(sum, count, seed);
    }

    /** Places of the documents by their mean per token, the highest first; those without a token are left out. */
    public List<Integer> worst(int most) {
        Comparator<Integer> highest = Comparator.comparingDouble((Integer d) -> -sum[d] / count[d]);
        return IntStream.range(0, sum.length)
                .filter(d -> count[d] > 0)
                .boxed()
                .sorted(highest.thenComparingInt(d -> d))
                .limit(most)
                .toList();
    }
}
