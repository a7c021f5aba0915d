package org.llminspector.train;

import java.util.function.LongFunction;
import org.llminspector.train.TokenStream.Piece;
import org.llminspector.train.TokenStream.Place;

/** Packing of as many whole documents as fit into each sequence; a document longer than a sequence is cut. */
final class WholeDocuments implements PretrainingObjective.Examples {

    private final LongFunction<Piece> document;
    private long next;

    /** @param document by index */
    WholeDocuments(LongFunction<Piece> document) {
        this.document = document;
    }

    @Override
    public Batches.Example next(int predicted) {
        int room = predicted + 1;
        int[] tokens = new int[room];
        float[] weights = new float[room];
        int[][] choices = new int[room][];
        int held = 0;
        while (true) {
            Piece piece = document.apply(next);
            int length = piece.tokens().length;
            if (held > 0 && held + length > room) break;
            int copied = Math.min(length, room);
            System.arraycopy(piece.tokens(), 0, tokens, held, copied);
            System.arraycopy(piece.weights(), 0, weights, held, copied);
            System.arraycopy(piece.choices(), 0, choices, held, copied);
            held += copied;
            next++;
        }
        return new Piece(tokens, weights, choices).example(held);
    }

    @Override
    public Place place() {
        return Place.at(next);
    }

    @Override
    public void goTo(Place place) {
        next = place.nextDocument();
    }
}
