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

/**
 * RejectedSamples are sentences of a model's own in which a critic finds fault, each beside one that the model says there at another
 * try, and in which the critic finds none. Both follow the same text, so a preference between them is about nothing else.
 */
final class RejectedSamples implements AutoCloseable {

    /** Tries at a sentence that went wrong. */
    private static final int TRIES = 6;

    /** Tokens of a sentence at most. */
    private static final int LONGEST = 60;

    /** Texts that are written for an update at most: a model without faults has no rejectedSamples. */
    private static final int TEXTS = 400;

    private final InspectorEngine engine;
    private final Tokenizer tokenizer;
    private final int end;
    private final Critic critic;

    /** @param engine the model as it was before the tuning; closed with this */
    RejectedSamples(InspectorEngine engine, Tokenizer tokenizer, int end, Critic critic) {
        this.engine = engine;
        this.tokenizer = tokenizer;
        this.end = end;
        this.critic = critic;
    }

    /** So many of the texts of one update, or as many as they have: a function of the model and the update's number. */
    List<Preferences.Pair> of(long update, int count) {
        List<Preferences.Pair> pairs = new ArrayList<>();
        for (long i = update * TEXTS; i < (update + 1) * TEXTS && pairs.size() < count; i++) {
            first(critic.opening(i), i).ifPresent(pairs::add);
        }
        return pairs;
    }

    /** The first slip, if it can be mended, in what the model makes of an opening. */
    private Optional<Preferences.Pair> first(String opening, long index) {
        String text = goOn(opening, engine.spec().maxContext(), index * (TRIES + 1));
        int good = opening.length();
        for (int ends : critic.sentences(text)) {
            if (ends <= good) continue;
            String told = text.substring(0, ends);
            if (!critic.approves(told)) return mended(text.substring(0, good), told, index);
            good = ends;
        }
        return Optional.empty();
    }

    private Optional<Preferences.Pair> mended(String before, String wrong, long index) {
        if (ids(before).length >= engine.spec().maxContext()) return Optional.empty();
        for (int attempt = 1; attempt <= TRIES; attempt++) {
            String again = goOn(before, LONGEST, index * (TRIES + 1) + attempt);
            Optional<String> right = critic.sentences(again).stream()
                    .filter(ends -> ends > before.length())
                    .findFirst()
                    .map(ends -> again.substring(0, ends))
                    .filter(critic::approves);
            if (right.isPresent()) return pair(before, right.get(), wrong);
        }
        return Optional.empty();
    }

    private Optional<Preferences.Pair> pair(String before, String right, String wrong) {
        int[] prompt = ids(before);
        int[] better = ids(right);
        int[] worse = ids(wrong);
        if (!begins(better, prompt) || !begins(worse, prompt)) return Optional.empty();
        return Optional.of(new Preferences.Pair(
                Batches.Example.from(better, prompt.length), Batches.Example.from(worse, prompt.length)));
    }

    /** What a model wrote in its own tokens may be more of them when it is read: not all of it fits then. */
    private boolean begins(int[] ids, int[] prompt) {
        return ids.length > prompt.length
                && ids.length <= engine.spec().maxContext()
                && Arrays.equals(ids, 0, prompt.length, prompt, 0, prompt.length);
    }

    /** A text and what the model says after it, by chance, as it learnt to: temperature 1. */
    private String goOn(String text, int most, long seed) {
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
