package org.llminspector.train;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Learner;

/** NextTokens is pretraining: every token of packed documents is predicted from those before it. */
final class NextTokens implements Objective {

    private final Recipe recipe;
    private final TokenStream stream;
    private final List<Batches.Example> heldOut;

    NextTokens(Recipe recipe, Documents documents) {
        this.recipe = recipe;
        this.stream = new TokenStream(i -> documents.get(Corpus.Split.TRAIN, i, recipe.determinedWeight()));
        TokenStream other = new TokenStream(i -> documents.get(Corpus.Split.HELD_OUT, i, 1));
        this.heldOut = take(other, recipe.validationSequences(), recipe.sequence());
    }

    private static List<Batches.Example> take(TokenStream from, int count, int predicted) {
        List<Batches.Example> examples = new ArrayList<>();
        for (int i = 0; i < count; i++) examples.add(from.next(predicted));
        return examples;
    }

    /** As many tokens in each update, in more sequences while those are short. */
    @Override
    public Measure accumulate(Learner learner, long step) {
        int times = recipe.sequence() / recipe.sequence(step);
        List<Batches.Example> batch = take(stream, recipe.batch() * times, recipe.sequence(step));
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
