package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.IntStream;

/**
 * TokenStream packs a corpus' documents into sequences of one length: document after document, each ended by the
 * end-of-text token, cut where a sequence is full.
 *
 * <p>Two neighbouring sequences share one token, so that each token of the corpus is predicted once.
 */
final class TokenStream implements NextTokens.Examples {

    /**
     * Place is how far a stream has been read: enough to go on from there.
     *
     * @param nextDocument index of the first document that was not begun
     * @param carried tokens of begun documents that were not yet handed out
     * @param weights of those; null: each 1
     */
    record Place(long nextDocument, List<Integer> carried, List<Float> weights) {

        /** Between two documents. */
        static Place at(long nextDocument) {
            return new Place(nextDocument, List.of(), List.of());
        }
    }

    /**
     * Piece is a whole document, or what was cut from some.
     *
     * @param tokens the ones that begin and end a document included
     * @param weights how much each counts as a prediction
     * @param choices which tokens could have stood there as well, each as likely, itself among them; null: one, [tokens]
     */
    record Piece(int[] tokens, float[] weights, int[][] choices) {

        Piece(int[] tokens, float[] weights) {
            this(tokens, weights, new int[tokens.length][]);
        }

        /** The first tokens, each but the very first to be predicted. */
        Batches.Example example(int length) {
            return new Batches.Example(
                    Arrays.copyOf(tokens, length),
                    Arrays.copyOfRange(weights, 1, length),
                    Arrays.copyOfRange(choices, 1, length));
        }
    }

    private final LongFunction<Piece> document;
    private long next;
    private int[] carried = new int[0];
    private float[] weights = new float[0];
    private int held;

    /** @param document by index */
    TokenStream(LongFunction<Piece> document) {
        this.document = document;
    }

    @Override
    public void goTo(Place place) {
        next = place.nextDocument();
        carried = place.carried().stream().mapToInt(Integer::intValue).toArray();
        held = carried.length;
        weights = new float[held];
        for (int i = 0; i < held; i++)
            weights[i] = place.weights() == null ? 1 : place.weights().get(i);
    }

    @Override
    public Place place() {
        List<Float> heldWeights =
                IntStream.range(0, held).mapToObj(i -> weights[i]).toList();
        return new Place(next, Arrays.stream(carried, 0, held).boxed().toList(), heldWeights);
    }

    /** Exactly so many. */
    @Override
    public Batches.Example next(int predicted) {
        while (held < predicted + 1) append(document.apply(next++));
        Batches.Example sequence = new Batches.Example(
                Arrays.copyOf(carried, predicted + 1), Arrays.copyOfRange(weights, 1, predicted + 1));
        held -= predicted;
        System.arraycopy(carried, predicted, carried, 0, held);
        System.arraycopy(weights, predicted, weights, 0, held);
        return sequence;
    }

    private void append(Piece piece) {
        int all = held + piece.tokens().length;
        if (all > carried.length) {
            int room = Math.max(all, 2 * carried.length);
            carried = Arrays.copyOf(carried, room);
            weights = Arrays.copyOf(weights, room);
        }
        System.arraycopy(piece.tokens(), 0, carried, held, piece.tokens().length);
        System.arraycopy(piece.weights(), 0, weights, held, piece.tokens().length);
        held = all;
    }
}
