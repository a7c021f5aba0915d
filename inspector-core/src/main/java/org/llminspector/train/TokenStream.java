package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.IntStream;

/**
 * Packing of a corpus' documents into sequences of one length: the documents, each followed by the end-of-text token,
 * are concatenated and cut.
 *
 * <p>Neighbouring sequences share one token, so that each token of the corpus is predicted once.
 */
final class TokenStream implements PretrainingObjective.Examples {

    /**
     * Position in a stream, from which it can be resumed.
     *
     * @param nextDocument index of the next document to read
     * @param carried tokens of documents already read that are not yet in a sequence
     * @param weights of those; null: each 1
     */
    record Place(long nextDocument, List<Integer> carried, List<Float> weights) {

        /** The position between two documents. */
        static Place at(long nextDocument) {
            return new Place(nextDocument, List.of(), List.of());
        }
    }

    /**
     * A whole document, or a cut of several.
     *
     * @param tokens including those that begin and end a document
     * @param weights loss weight of each as a prediction
     * @param choices the equally likely tokens at each position, its own included; null entries: only its own, [tokens]
     */
    record Piece(int[] tokens, float[] weights, int[][] choices) {

        Piece(int[] tokens, float[] weights) {
            this(tokens, weights, new int[tokens.length][]);
        }

        /** The first {@code length} tokens; all but the very first are predicted. */
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

    /** Always exactly {@code predicted} predicted tokens. */
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
