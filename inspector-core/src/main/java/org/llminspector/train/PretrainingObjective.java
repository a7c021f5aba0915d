package org.llminspector.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.LongFunction;
import java.util.stream.LongStream;
import org.llminspector.engine.Learner;
import org.llminspector.train.corpus.Corpus;

/** Pretraining: every token of packed documents is predicted from those before it. */
final class PretrainingObjective implements Objective {

    /** Source of sequences in a fixed order. */
    interface Examples {

        /** The next sequence, of at most this many predicted tokens and one token before them. */
        Batches.Example next(int predicted);

        TokenStream.Place place();

        void goTo(TokenStream.Place place);
    }

    private final Recipe recipe;
    private final Examples stream;
    private final List<Batches.Example> heldOut;

    PretrainingObjective(Recipe recipe, Documents documents) {
        this.recipe = recipe;
        this.stream = examples(i -> documents.get(
                Corpus.Split.TRAIN,
                i,
                recipe.schedule().determinedWeight(i),
                recipe.schedule().allChoices(i)));
        this.heldOut = heldOut(i -> documents.get(Corpus.Split.HELD_OUT, i, 1));
    }

    /** With whole documents, each held-out document is scored alone, unpacked. */
    private List<Batches.Example> heldOut(LongFunction<TokenStream.Piece> document) {
        int count = recipe.validationSequences();
        if (!recipe.wholeDocuments()) return take(new TokenStream(document), count, recipe.sequence());
        return LongStream.range(0, count)
                .mapToObj(document)
                .map(p -> {
                    int length = Math.min(p.tokens().length, recipe.sequence() + 1);
                    return Batches.Example.from(Arrays.copyOf(p.tokens(), length), 1);
                })
                .toList();
    }

    private Examples examples(LongFunction<TokenStream.Piece> document) {
        return recipe.wholeDocuments() ? new WholeDocuments(document) : new TokenStream(document);
    }

    private static List<Batches.Example> take(Examples from, int count, int predicted) {
        List<Batches.Example> examples = new ArrayList<>();
        for (int i = 0; i < count; i++) examples.add(from.next(predicted));
        return examples;
    }

    /** The same number of tokens in each update: more sequences while they are short. */
    @Override
    public Measure accumulate(Learner learner, long step) {
        int times = recipe.sequence() / recipe.schedule().sequence(step);
        List<Batches.Example> batch =
                take(stream, recipe.batch() * times, recipe.schedule().sequence(step));
        // Similar lengths together need the least padding.
        if (recipe.wholeDocuments()) batch.sort(Comparator.comparingInt(e -> e.tokens().length));
        return Batches.accumulate(learner, batch, recipe.microBatch() * times);
    }

    @Override
    public Measure validate(Learner learner) {
        return Batches.score(learner, heldOut, recipe.microBatch());
    }

    @Override
    public TokenStream.Place place() {
        return stream.place();
    }

    @Override
    public void goTo(TokenStream.Place place) {
        stream.goTo(place);
    }
}
