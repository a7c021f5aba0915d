package org.llminspector.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.generate.NextToken;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/** Computes log probabilities of a text, token by token. Thread-safe. */
final class Scoring {

    /** Above this many bytes of logits over all positions, tokens are read one at a time. */
    private static final long MOST_LOGITS = 256L << 20;

    /** Tests lower it. */
    long mostLogits = MOST_LOGITS;

    /** Most tokens that are read one at a time. */
    private static final int MAX_SCORED = 4_096;

    private final ForwardPasses readings;
    private final TextCache<ScoredToken> texts;

    Scoring(ForwardPasses readings, TextCache<ScoredToken> texts) {
        this.readings = readings;
        this.texts = texts;
    }

    /** As {@link Sampling#scores} and {@link Sampling#scoresAfterOthers}. */
    Scores scores(RunRequest raw, String text, List<Integer> tokens, Integer from, int top, boolean afterOthers) {
        RunRequest resolved = readings.resolved(raw.toBuilder().generate(null).build());
        // Interventions may name positions of the text, whose length is unknown before the prompt is tokenized.
        PreparedRun before =
                readings.prepared(resolved.toBuilder().interventions(null).build());
        List<Integer> more = more(before, text, tokens);
        List<Integer> all =
                new ArrayList<>(before.tokens().stream().map(Token::id).toList());
        int first = from != null ? from : more.isEmpty() ? 1 : all.size();
        all.addAll(more);
        if (first < 1 || first > all.size()) {
            throw Problem.invalid("no token stands before that position")
                    .where("from")
                    .expected("1 to " + all.size())
                    .found(first);
        }
        DecoderSpec spec = before.folder().spec();
        if (all.size() > spec.maxContext()) {
            throw tooLong("no more than the context of " + spec.maxContext(), all.size());
        }
        PreparedRun whole = readings.prepared(
                resolved.toBuilder().prompt(null).messages(null).tokens(all).build());
        int prompt = whole.dependsOnPrompt() ? before.tokens().size() : 0;
        boolean reusesNothing = whole.request().branch() == null || whole.dependsOnPrompt();
        boolean atOnce = reusesNothing && (long) all.size() * spec.vocab() * Float.BYTES <= mostLogits;
        if (!atOnce && all.size() - first > MAX_SCORED) {
            throw tooLong("at most " + MAX_SCORED + " tokens", all.size() - first);
        }
        if (!atOnce && first < prompt) {
            throw Problem.tooLarge(
                            "the logits of the whole prompt do not fit, and the prompt is read at once, for a mean or a"
                                    + " freeze is over all of it")
                    .where("from")
                    .expected("at least " + prompt + ", where the prompt ends")
                    .found(first)
                    .instead("score the tokens after the prompt, or a shorter prompt");
        }
        // Reads only up to the first scored token, or all but the last token.
        int reads = Math.max(prompt, atOnce ? Math.max(first, all.size() - 1) : first);
        PreparedRun run = whole.reading(reads);
        long start = System.nanoTime();
        if (afterOthers && TextCache.exact(run)) return scoresWithCache(run, all, top, atOnce, start);
        int promptRead = prompt == 0 ? reads : prompt;
        if (atOnce) return scoresInOnePass(run, promptRead, all, first, top, start);
        return readings.read("logprobs", run, promptRead, all.size() - first, read -> {
            List<ScoredToken> scored = new ArrayList<>();
            float[] logits = read.logits();
            double sum = 0;
            for (int i = first; i < all.size(); i++) {
                readings.queue().checkCancelled();
                NextToken.Score score = NextToken.score(logits, all.get(i), top);
                sum += score.logprob();
                scored.add(scored(i, score, run.folder()));
                if (i + 1 < all.size()) logits = read.session().append(new int[] {all.get(i)});
            }
            return scores(run, first, read.reused(), start, sum, scored);
        });
    }

    private static Problem tooLong(String most, int found) {
        return Problem.tooLarge("the text is too long to be scored token by token")
                .where("text")
                .expected(most)
                .found(found)
                .instead("score a part of it");
    }

    /** Scores from one pass (two where a mean is taken over the prompt) that captures the logits at every position. */
    private Scores scoresInOnePass(PreparedRun run, int prompt, List<Integer> all, int first, int top, long start) {
        HookId hook = HookId.of(HookPoint.LOGITS);
        return readings.engine("logprobs", run, engine -> {
            int[] ids = run.ids();
            try (Capture clean = run.clean(engine, Arrays.copyOf(ids, prompt));
                    Session session = engine.begin(new SessionRequest(
                            ids.length, new TreeSet<>(List.of(hook)), run.interventions(), run.sources(clean)))) {
                ForwardPasses.append(session, run, ids, prompt);
                List<ScoredToken> scored = scoresOfRows(session, run, all, first, top);
                return scores(run, first, 0, start, sum(scored), scored);
            }
        });
    }

    /** Scores of the tokens from {@code first} on, from captured logits. */
    private static List<ScoredToken> scoresOfRows(
            Session session, PreparedRun run, List<Integer> all, int first, int top) {
        try (Capture seen = session.capture()) {
            Tensor logits = seen.get(HookId.of(HookPoint.LOGITS)); // [1, pos, vocab]
            Tensor rows = logits.reshaped(logits.shape()[1], logits.shape()[2]);
            ScoredToken[] scored = new ScoredToken[all.size() - first];
            Parallel.each(scored.length, i -> {
                int at = first + i;
                float[] row = rows.rows(at - 1, at).toFloats();
                scored[i] = scored(at, NextToken.score(row, all.get(at), top), run.folder());
            });
            return List.of(scored);
        }
    }

    private Scores scoresWithCache(PreparedRun run, List<Integer> all, int top, boolean atOnce, long start) {
        int[] ids = all.stream().mapToInt(Integer::intValue).toArray();
        int reads = Math.max(1, ids.length - 1);
        TreeSet<HookId> hooks = new TreeSet<>(atOnce ? List.of(HookId.of(HookPoint.LOGITS)) : List.of());
        return readings.engine("logprobs", run, engine -> {
            TextCache.Known<ScoredToken> known = texts.of(run, engine.info(), ids, top);
            List<ScoredToken> scored = new ArrayList<>(known == null ? List.of() : known.scores());
            int reused = scored.size();
            try (Session session = engine.begin(new SessionRequest(reads, hooks, List.of(), List.of())
                    .after(known == null ? null : known.cache()))) {
                if (atOnce) {
                    session.append(Arrays.copyOfRange(ids, reused, reads));
                    scored.addAll(scoresOfRows(session, run, all, reused + 1, top));
                } else {
                    for (int i = reused + 1; i < ids.length; i++) {
                        readings.queue().checkCancelled();
                        float[] logits = session.append(new int[] {ids[i - 1]});
                        scored.add(scored(i, NextToken.score(logits, ids[i], top), run.folder()));
                    }
                }
                long room = readings.models().ledger().free() + texts.bytes();
                texts.keep(run, engine.info(), ids, session, top, scored, room);
            }
            return scores(run, 1, reused, start, sum(scored), scored);
        });
    }

    private static double sum(List<ScoredToken> scored) {
        return scored.stream().mapToDouble(ScoredToken::logprob).sum();
    }

    private static Scores scores(
            PreparedRun run, int first, int reused, long start, double sum, List<ScoredToken> scored) {
        Double perplexity = scored.isEmpty() ? null : Math.exp(-sum / scored.size());
        return new Scores(
                run.folder().slug(), first, reused, (System.nanoTime() - start) / 1e6, sum, perplexity, scored);
    }

    private static ScoredToken scored(int position, NextToken.Score score, ModelFolder folder) {
        List<GeneratedToken.Alternative> top = score.top().stream()
                .map(c -> new GeneratedToken.Alternative(
                        c.id(), folder.token(c.id()).text(), c.logit(), c.prob()))
                .toList();
        return new ScoredToken(
                position, folder.token(score.id()), score.logprob(), Math.exp(score.logprob()), score.rank(), top);
    }

    /**
     * The ids of the text: tokenized together with the preceding text, where that leaves the preceding tokens
     * unchanged.
     */
    private static List<Integer> more(PreparedRun run, String text, List<Integer> tokens) {
        if (text != null && tokens != null) {
            throw Problem.invalid("what is scored is a text or tokens")
                    .where("text, tokens")
                    .expected("one of them")
                    .found("both");
        }
        if (tokens != null)
            return Prompt.inVocabulary(tokens, run.folder().spec().vocab(), "tokens");
        if (text == null) return List.of();
        return Prompt.following(run.tokens(), text, run.folder());
    }
}
