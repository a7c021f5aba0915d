package org.llminspector.tokenize;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Merges of a SentencePiece BPE, derived from its pieces' scores: SentencePiece joins the two neighbours whose result
 * has the highest score. In the order of transformers' {@code generate_merges}.
 */
final class SpmMerges {

    /** A merge; lengths in code points. */
    private record Merge(String left, String right, double score, int leftLength, int rightLength) {}

    private SpmMerges() {}

    /**
     * Every split of a piece into two pieces, highest score first, then the longer left part.
     *
     * @param ids every piece that may be part of another
     * @param scores by id; higher merges earlier
     */
    static List<String[]> of(Map<String, Integer> ids, double[] scores) {
        List<Merge> merges = new ArrayList<>();
        ids.forEach((piece, id) -> {
            int length = piece.codePointCount(0, piece.length());
            int left = 0;
            for (int i = 0; i < piece.length(); ) {
                i += Character.charCount(piece.codePointAt(i));
                left++;
                if (left == length) break;
                String l = piece.substring(0, i);
                if (!ids.containsKey(l)) continue;
                String r = piece.substring(i);
                if (ids.containsKey(r)) merges.add(new Merge(l, r, scores[id], left, length - left));
            }
        });
        merges.sort(Comparator.comparingDouble((Merge m) -> -m.score())
                .thenComparing(m -> -m.leftLength())
                .thenComparing(m -> -m.rightLength()));
        List<String[]> pairs = new ArrayList<>(merges.size());
        for (Merge m : merges) pairs.add(new String[] {m.left(), m.right()});
        return pairs;
    }
}
