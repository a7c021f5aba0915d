package org.llminspector.train;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.Learner;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Dialogues;
import org.llminspector.train.corpus.Exchange;
import org.llminspector.train.corpus.Preference;

/**
 * Direct preference optimization (Rafailov et al. 2023): raises the better answer's probability and lowers the worse
 * one's, relative to a frozen copy of the initial model.
 *
 * <p>The loss of a pair is -ln sigmoid(beta m), with the margin m = (ln p(better) - ln p(worse)) - the same of the
 * reference. Its gradient is that of the answers' log probabilities, times beta sigmoid(-beta m).
 */
final class PreferenceObjective implements Objective {

    /** One preference as tokens. */
    record Pair(Batches.Example better, Batches.Example worse) {}

    private final Recipe recipe;
    private final Dialogues dialogues;
    private final ChatEncoder encoder;
    private final Documents documents;
    private final Learner reference;
    private final RejectedSamples rejectedSamples; // null: none are used
    private final List<Pair> heldOut;
    private long next;

    /**
     * @param reference the frozen copy; closed with this
     * @param rejectedSamples of the same initial model, or null; closed with this
     */
    PreferenceObjective(
            Recipe recipe,
            Dialogues dialogues,
            ChatEncoder encoder,
            Documents documents,
            Learner reference,
            RejectedSamples rejectedSamples) {
        this.recipe = recipe;
        this.dialogues = dialogues;
        this.encoder = encoder;
        this.documents = documents;
        this.reference = reference;
        this.rejectedSamples = rejectedSamples;
        this.heldOut = take(Corpus.Split.HELD_OUT, recipe.validationSequences());
        this.next = 0;
    }

    private List<Pair> take(Corpus.Split split, int count) {
        List<Pair> pairs = new ArrayList<>();
        while (pairs.size() < count) {
            Preference p = dialogues.preference(split, next++);
            Batches.Example better = encoder.encode(List.of(new Exchange(p.user(), p.better())));
            Batches.Example worse = encoder.encode(List.of(new Exchange(p.user(), p.worse())));
            if (better != null && worse != null) pairs.add(new Pair(better, worse));
        }
        return pairs;
    }

    @Override
    public Measure accumulate(Learner learner, long step) {
        documents.rehearse(learner, recipe, step);
        if (rejectedSamples != null) prefer(learner, rejectedSamples.of(step, recipe.rejectedSamples()));
        List<Pair> pairs = take(Corpus.Split.TRAIN, recipe.batch());
        return measure(pairs, prefer(learner, pairs));
    }

    /** Adds the gradient of the pairs' mean loss, and returns their margins. */
    private double[] prefer(Learner learner, List<Pair> pairs) {
        double[] margins = margins(learner, reference, pairs, recipe.microBatch());
        List<Batches.Example> weighted = new ArrayList<>();
        for (int i = 0; i < pairs.size(); i++) {
            double slope = slope(recipe.beta(), margins[i]) / pairs.size();
            weighted.add(pairs.get(i).better().times(slope));
            weighted.add(pairs.get(i).worse().times(-slope));
        }
        for (int from = 0; from < weighted.size(); from += recipe.microBatch()) {
            List<Batches.Example> part = weighted.subList(from, Math.min(weighted.size(), from + recipe.microBatch()));
            learner.accumulate(Batches.tokens(part), Batches.weights(part));
        }
        return margins;
    }

    @Override
    public Measure validate(Learner learner) {
        return measure(heldOut, margins(learner, reference, heldOut, recipe.microBatch()));
    }

    private Measure measure(List<Pair> pairs, double[] margins) {
        double loss = 0;
        double right = 0;
        double tokens = 0;
        for (int i = 0; i < margins.length; i++) {
            loss += loss(recipe.beta(), margins[i]);
            if (margins[i] > 0) right++;
            tokens += pairs.get(i).better().count() + pairs.get(i).worse().count();
        }
        return new Measure(loss / margins.length, right / margins.length, Math.round(tokens));
    }

    /** Margins of the pairs: by how many nats more than the reference the model prefers the better answer. */
    static double[] margins(Learner learner, Learner reference, List<Pair> pairs, int atOnce) {
        List<Batches.Example> all = new ArrayList<>();
        pairs.forEach(p -> {
            all.add(p.better());
            all.add(p.worse());
        });
        double[] now = Batches.logProbabilities(learner, all, atOnce);
        double[] then = Batches.logProbabilities(reference, all, atOnce);
        double[] margins = new double[pairs.size()];
        for (int i = 0; i < margins.length; i++) {
            margins[i] = (now[2 * i] - now[2 * i + 1]) - (then[2 * i] - then[2 * i + 1]);
        }
        return margins;
    }

    /** -ln sigmoid(beta margin). */
    static double loss(double beta, double margin) {
        double x = beta * margin;
        return Math.max(0, -x) + Math.log1p(Math.exp(-Math.abs(x)));
    }

    /** The loss' decrease per nat of margin. */
    static double slope(double beta, double margin) {
        return beta / (1 + Math.exp(beta * margin));
    }

    @Override
    public TokenStream.Place place() {
        return TokenStream.Place.at(next);
    }

    @Override
    public void goTo(TokenStream.Place place) {
        next = place.nextDocument();
    }

    @Override
    public void close() {
        reference.close();
        if (rejectedSamples != null) rejectedSamples.close();
    }
}
