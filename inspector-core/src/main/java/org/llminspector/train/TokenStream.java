package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;

/**
 * TokenStream packs a corpus' documents into sequences of one length: document after document, each ended by the
 * end-of-text token, cut where a sequence is full.
 *
 * <p>Two neighbouring sequences share one token, so that each token of the corpus is predicted once.
 */
final class TokenStream {

    /**
     * Place is how far a stream has been read: enough to go on from there.
     *
     * @param nextDocument index of the first document that was not begun
     * @param carried tokens of begun documents that were not yet handed out
     */
    record Place(long nextDocument, List<Integer> carried) {}

    private final Corpus corpus;
    private final Corpus.Split split;
    private final Function<String, int[]> encode;
    private long next;
    private int[] carried = new int[0];
    private int held;

    /** @param encode a whole document's tokens, the ones that begin and end it included */
    TokenStream(Corpus corpus, Corpus.Split split, Function<String, int[]> encode) {
        this.corpus = corpus;
        this.split = split;
        this.encode = encode;
    }

    void goTo(Place place) {
        next = place.nextDocument();
        carried = place.carried().stream().mapToInt(Integer::intValue).toArray();
        held = carried.length;
    }

    Place place() {
        return new Place(next, Arrays.stream(carried, 0, held).boxed().toList());
    }

    /** The next sequences, [count][predicted + 1]. */
    int[][] next(int count, int predicted) {
        int[][] sequences = new int[count][];
        for (int i = 0; i < count; i++) sequences[i] = next(predicted);
        return sequences;
    }

    private int[] next(int predicted) {
        while (held < predicted + 1) append(encode.apply(corpus.document(split, next++)));
        int[] sequence = Arrays.copyOf(carried, predicted + 1);
        System.arraycopy(carried, predicted, carried, 0, held - predicted);
        held -= predicted;
        return sequence;
    }

    private void append(int[] tokens) {
        if (held + tokens.length > carried.length) {
            carried = Arrays.copyOf(carried, Math.max(held + tokens.length, 2 * carried.length));
        }
        System.arraycopy(tokens, 0, carried, held, tokens.length);
        held += tokens.length;
    }
}
