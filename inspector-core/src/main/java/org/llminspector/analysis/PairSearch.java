package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.llminspector.base.Parallel;

/**
 * Finds the pairs of rows of two tables with the largest dot products, in blocks, without storing all products. Of a
 * large table only the longest rows are multiplied; the others are bounded: |a . b| is at most |a| |b|.
 */
public final class PairSearch {

    /** @param score dot product of the two rows */
    public record Pair(int left, int right, double score) {}

    /**
     * @param pairs the largest product first
     * @param candidates rows per table that were multiplied
     * @param bound upper bound on pairs that were not computed; null where all were
     * @param exact whether these are certainly the largest: all pairs were computed, or no other can be larger
     */
    public record Found(List<Pair> pairs, int candidates, Double bound, boolean exact) {}

    /** The longest rows of a table, and the norm of the longest row left out. */
    public static final class Candidates {
        private final int[] ids;
        private final float[] rows; // [ids, width]
        private final int width;
        private final double longest;
        private final double left; // 0 when none is left out

        private Candidates(int[] ids, float[] rows, int width, double longest, double left) {
            this.ids = ids;
            this.rows = rows;
            this.width = width;
            this.longest = longest;
            this.left = left;
        }
    }

    private static final int BLOCK = 64;

    private PairSearch() {}

    /** Number of rows per table such that all pairs take at most {@code multiplications}. */
    public static int most(int width, long multiplications) {
        return (int) Math.max(1, Math.min(1 << 15, Math.sqrt((double) multiplications / width)));
    }

    /**
     * Selects the longest rows.
     *
     * @param rows [n, width]
     * @param wanted which rows may be in a pair
     */
    public static Candidates longest(float[] rows, int width, int most, IntPredicate wanted) {
        int n = rows.length / width;
        double[] norms = new double[n];
        Parallel.each((n + 4095) / 4096, b -> {
            for (int i = b * 4096; i < Math.min(n, (b + 1) * 4096); i++) {
                double sum = 0;
                for (int d = 0; d < width; d++) sum += (double) rows[i * width + d] * rows[i * width + d];
                norms[i] = Math.sqrt(sum);
            }
        });
        Integer[] order = IntStream.range(0, n)
                .filter(wanted)
                .boxed()
                .sorted(Comparator.comparingDouble((Integer i) -> -norms[i]).thenComparingInt(i -> i))
                .toArray(Integer[]::new);
        int kept = Math.min(most, order.length);
        int[] ids = new int[kept];
        float[] own = new float[kept * width];
        for (int i = 0; i < kept; i++) {
            ids[i] = order[i];
            System.arraycopy(rows, ids[i] * width, own, i * width, width);
        }
        double first = order.length == 0 ? 0 : norms[order[0]];
        return new Candidates(ids, own, width, first, kept == order.length ? 0 : norms[order[kept]]);
    }

    /** The pairs with the largest dot products, in descending order. */
    public static Found highest(Candidates a, Candidates b, int top) {
        int width = a.width;
        float[] transposed = new float[b.rows.length]; // [width, b], so that a row's products are sums of rows
        for (int j = 0; j < b.ids.length; j++) {
            for (int d = 0; d < width; d++) transposed[d * b.ids.length + j] = b.rows[j * width + d];
        }
        Comparator<Pair> weakest = Comparator.comparingDouble(Pair::score)
                .thenComparing(Comparator.comparingInt(Pair::left).reversed())
                .thenComparing(Comparator.comparingInt(Pair::right).reversed());
        PriorityQueue<Pair> best = new PriorityQueue<>(weakest);
        Parallel.each((a.ids.length + BLOCK - 1) / BLOCK, block -> {
            PriorityQueue<Pair> own = new PriorityQueue<>(weakest);
            float[] scores = new float[b.ids.length];
            for (int i = block * BLOCK; i < Math.min(a.ids.length, (block + 1) * BLOCK); i++) {
                products(a.rows, i * width, transposed, width, scores);
                for (int j = 0; j < scores.length; j++) {
                    if (own.size() == top && scores[j] < own.peek().score()) continue;
                    own.add(new Pair(a.ids[i], b.ids[j], scores[j]));
                    if (own.size() > top) own.remove();
                }
            }
            synchronized (best) {
                best.addAll(own);
                while (best.size() > top) best.remove();
            }
        });
        List<Pair> pairs = new ArrayList<>(best);
        pairs.sort(weakest.reversed());
        boolean all = a.left == 0 && b.left == 0;
        double bound = Math.max(a.left * b.longest, a.longest * b.left);
        boolean exact =
                all || (pairs.size() == top && bound <= pairs.get(top - 1).score());
        return new Found(pairs, Math.max(a.ids.length, b.ids.length), all ? null : (Double) bound, exact);
    }

    /** The products of a row with every row of a transposed table, [n]. */
    private static void products(float[] rows, int at, float[] transposed, int width, float[] out) {
        java.util.Arrays.fill(out, 0);
        int n = out.length;
        for (int d = 0; d < width; d++) {
            float x = rows[at + d];
            int row = d * n;
            for (int j = 0; j < n; j++) out[j] += x * transposed[row + j];
        }
    }
}
