package org.llminspector.analysis.reduce;

/**
 * Windows of a corpus that ran through a model together.
 *
 * @param tokens [batch][pos], of equal lengths
 * @param from [batch], the first position that counts: those before it repeat an earlier window
 * @param window [batch], index in the corpus, growing
 * @param document [batch], index in the corpus
 */
public record WindowBatch(int[][] tokens, int[] from, long[] window, long[] document) {

    public WindowBatch {
        boolean equal = from.length == tokens.length && window.length == tokens.length;
        if (tokens.length == 0 || !equal || document.length != tokens.length) {
            throw new IllegalArgumentException("one first position, window and document a row of tokens");
        }
        for (int r = 0; r < tokens.length; r++) {
            if (tokens[r].length != tokens[0].length) throw new IllegalArgumentException("windows of unequal lengths");
            if (r > 0 && window[r] <= window[r - 1]) throw new IllegalArgumentException("windows out of order");
        }
    }

    /** Number of windows. */
    public int size() {
        return tokens.length;
    }

    /** Positions of each window. */
    public int positions() {
        return tokens[0].length;
    }

    /** Positions that count, of all windows. */
    public long counted() {
        long n = 0;
        for (int f : from) n += Math.max(0, positions() - f);
        return n;
    }
}
