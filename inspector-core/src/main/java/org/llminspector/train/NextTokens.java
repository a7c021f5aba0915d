package org.llminspector.train;

import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
import org.llminspector.engine.Learner;

/** NextTokens is pretraining: every token of packed documents is predicted from those before it. */
final class NextTokens implements Objective {

    private final Recipe recipe;
    private final TokenStream stream;
    private final List<Batches.Example> heldOut;

    NextTokens(Recipe recipe, Corpus corpus, Function<String, int[]> encode) {
        this.recipe = recipe;
        this.stream = new TokenStream(corpus, Corpus.Split.TRAIN, encode);
        TokenStream other = new TokenStream(corpus, Corpus.Split.HELD_OUT, encode);
        this.heldOut = examples(other.next(recipe.validationSequences(), recipe.sequence()));
    }

    private static List<Batches.Example> examples(int[][] sequences) {
        return Arrays.stream(sequences).map(s -> Batches.Example.from(s, 1)).toList();
    }

    @Override
    public Measure accumulate(Learner learner) {
        int[][] batch = stream.next(recipe.batch(), recipe.sequence());
        return Batches.accumulate(learner, examples(batch), recipe.microBatch());
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
