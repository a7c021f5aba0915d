package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/**
 * Where one query attends in one head.
 *
 * @param key position of the word with the largest weight, excluding the first token, the previous token and the query
 *     itself; null when there is none
 * @param weight of that key, 0 when there is none
 * @param first weight on the first token
 * @param previous weight on the previous token; 0 for the first query
 * @param self weight of the query on itself
 * @param entropy of the query's weights, nats: 0 when it attends to one token
 */
public record QueryAttention(
        int layer, int head, Integer key, double weight, double first, double previous, double self, double entropy) {

    /** How heads are ordered, in a sentence. */
    public static final String CRITERION =
            "The most telling head is the one that puts the largest single weight on a word"
                    + " further back: not a mark, not the first token, not the one just before the query, not the query itself, where"
                    + " heads look by habit.";

    /** By the weight on a distant word, the largest first. */
    public static final Comparator<QueryAttention> MOST_TELLING = Comparator.comparingDouble(
                    (QueryAttention r) -> -r.weight)
            .thenComparingInt(QueryAttention::layer)
            .thenComparingInt(QueryAttention::head);

    /**
     * Every head of one layer.
     *
     * @param rows attention after the softmax, [1, head, 1, key]
     * @param query the query's position
     * @param words positions whose tokens are words or parts of words
     */
    public static List<QueryAttention> of(int layer, Tensor rows, int query, BitSet words) {
        long[] shape = rows.shape();
        if (shape.length != 4 || shape[2] != 1 || query < 0 || query >= shape[3]) {
            throw Problem.invalid("this is not one query's attention")
                    .where("layer " + layer + ", query " + query)
                    .expected("[1, head, 1, key] with a key for the query")
                    .found(java.util.Arrays.toString(shape));
        }
        int heads = Math.toIntExact(shape[1]);
        int keys = Math.toIntExact(shape[3]);
        float[] p = rows.toFloats(); // [1, head, 1, key]
        List<QueryAttention> reads = new ArrayList<>();
        for (int h = 0; h < heads; h++) reads.add(of(layer, h, p, h * keys, query, words));
        return reads;
    }

    private static QueryAttention of(int layer, int head, float[] p, int row, int query, BitSet words) {
        int key = -1;
        double entropy = 0;
        for (int k = 0; k <= query; k++) {
            double w = p[row + k];
            if (w > 0) entropy -= w * Math.log(w);
            boolean further = k > 0 && k < query - 1 && words.get(k);
            if (further && (key < 0 || w > p[row + key])) key = k;
        }
        return new QueryAttention(
                layer,
                head,
                key < 0 ? null : (Integer) key,
                key < 0 ? 0 : p[row + key],
                p[row],
                query == 0 ? 0 : p[row + query - 1],
                p[row + query],
                entropy);
    }
}
