package org.llminspector.train;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerateOptionsBuilder;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.corpus.Critic;

/**
 * On-policy preference pairs: a sentence that the model sampled and a critic found fault with, and another sample at
 * the same place without a fault. Both continue the same text, so the preference concerns only the sentence.
 */
final class RejectedSamples implements AutoCloseable {

    /** Resamplings of a sentence with a fault. */
    private static final int TRIES = 6;

    /** Most tokens of a sentence. */
    private static final int LONGEST = 60;

    /** Most texts sampled for an update: a model without faults yields no pairs. */
    private static final int TEXTS = 400;

    private final InspectorEngine engine;
    private final Tokenizer tokenizer;
    private final int end;
    private final Critic critic;

    /** @param engine the model before the tuning; closed with this */
    RejectedSamples(InspectorEngine engine, Tokenizer tokenizer, int end, Critic critic) {
        this.engine = engine;
        this.tokenizer = tokenizer;
        this.end = end;
        this.critic = critic;
    }

    /** At most {@code count} pairs from one update's texts: a function of the model and the update's number. */
    List<PreferenceObjective.Pair> of(long update, int count) {
        List<PreferenceObjective.Pair> pairs = new ArrayList<>();
        for (long i = update * TEXTS; i < (update + 1) * TEXTS && pairs.size() < count; i++) {
            first(critic.opening(i), i).ifPresent(pairs::add);
        }
        return pairs;
    }

    /**
     * A pair for the first rejected sentence in the model's continuation of an opening; empty where no resample passes.
     */
    private Optional<PreferenceObjective.Pair> first(String opening, long index) {
        String text = generate(opening, engine.spec().maxContext(), index * (TRIES + 1));
        int good = opening.length();
        for (int ends : critic.sentences(text)) {
            if (ends <= good) continue;
            String firstSentences = text.substring(0, ends);
            if (!critic.approves(firstSentences)) return mended(text.substring(0, good), firstSentences, index);
            good = ends;
        }
        return Optional.empty();
    }

    private Optional<PreferenceObjective.Pair> mended(String before, String wrong, long index) {
        if (ids(before).length >= engine.spec().maxContext()) return Optional.empty();
        for (int attempt = 1; attempt <= TRIES; attempt++) {
            String again = generate(before, LONGEST, index * (TRIES + 1) + attempt);
            Optional<String> right = critic.sentences(again).stream()
                    .filter(ends -> ends > before.length())
                    .findFirst()
                    .map(ends -> again.substring(0, ends))
                    .filter(critic::approves);
            if (right.isPresent()) return pair(before, right.get(), wrong);
        }
        return Optional.empty();
    }

    private Optional<PreferenceObjective.Pair> pair(String before, String right, String wrong) {
        int[] prompt = ids(before);
        int[] better = ids(right);
        int[] worse = ids(wrong);
        if (!begins(better, prompt) || !begins(worse, prompt)) return Optional.empty();
        return Optional.of(new PreferenceObjective.Pair(
                Batches.Example.from(better, prompt.length), Batches.Example.from(worse, prompt.length)));
    }

    /**
     * A sampled text may encode to other tokens than it was sampled as; true where the prompt's tokens are a prefix and
     * it fits.
     */
    private boolean begins(int[] ids, int[] prompt) {
        return ids.length > prompt.length
                && ids.length <= engine.spec().maxContext()
                && Arrays.equals(ids, 0, prompt.length, prompt, 0, prompt.length);
    }

    /** A text with the model's continuation, sampled at temperature 1. */
    private String generate(String text, int most, long seed) {
        int[] prompt = ids(text);
        int positions = Math.min(engine.spec().maxContext(), prompt.length + most);
        GenerateOptions sampling = GenerateOptionsBuilder.builder()
                .maxNewTokens(most)
                .greedy(false)
                .temperature(1.0)
                .seed(seed)
                .alternatives(0)
                .build();
        try (Session session = engine.begin(SessionRequest.plain(positions))) {
            return text
                    + GenerationLoop.run(
                                    session,
                                    prompt,
                                    sampling,
                                    tokenizer,
                                    List.of(end),
                                    positions,
                                    GenerationLoop.Listener.NONE,
                                    () -> false)
                            .text();
        }
    }

    private int[] ids(String text) {
        return tokenizer.encode(text, true).stream().mapToInt(Token::id).toArray();
    }

    @Override
    public void close() {
        engine.close();
    }
}
