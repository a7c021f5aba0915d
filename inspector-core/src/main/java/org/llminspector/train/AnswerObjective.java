package org.llminspector.train;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Learner;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Dialogues;

/** Supervised fine-tuning: the loss counts only the answers' tokens. */
final class AnswerObjective implements Objective {

    private final Recipe recipe;
    private final Dialogues dialogues;
    private final ChatEncoder encoder;
    private final Documents documents;
    private final List<Batches.Example> heldOut;
    private long next;

    AnswerObjective(Recipe recipe, Dialogues dialogues, ChatEncoder encoder, Documents documents) {
        this.recipe = recipe;
        this.dialogues = dialogues;
        this.encoder = encoder;
        this.documents = documents;
        this.heldOut = take(Corpus.Split.HELD_OUT, recipe.validationSequences());
        this.next = 0;
    }

    private List<Batches.Example> take(Corpus.Split split, int count) {
        List<Batches.Example> examples = new ArrayList<>();
        while (examples.size() < count) {
            Batches.Example example = encoder.encode(dialogues.conversation(split, next++));
            if (example != null) examples.add(example);
        }
        return examples;
    }

    @Override
    public Measure accumulate(Learner learner, long step) {
        documents.rehearse(learner, recipe, step);
        return Batches.accumulate(learner, take(Corpus.Split.TRAIN, recipe.batch()), recipe.microBatch());
    }

    @Override
    public Measure validate(Learner learner) {
        return Batches.score(learner, heldOut, recipe.microBatch());
    }

    @Override
    public TokenStream.Place place() {
        return TokenStream.Place.at(next);
    }

    @Override
    public void goTo(TokenStream.Place place) {
        next = place.nextDocument();
    }
}
