package org.llminspector.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Supplier;
import org.llminspector.base.Parallel;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.KvPrefix;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.generate.NextToken;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/**
 * Sampling asks what a model might say next, without keeping a run: many continuations from one place, the distribution there,
 * and how probable a given text is. Safe on any thread.
 */
public final class Sampling {

    /** Most continuations of a request, and most tokens that all of them may have together. */
    public static final int MAX_CONTINUATIONS = 100;

    private static final int MAX_TOKENS = 10_000;

    /** Where the logits of all positions together take more than this, tokens are read one at a time. */
    private static final long MOST_LOGITS = 256L << 20;

    /** So many are read one at a time. */
    private static final int MAX_SCORED = 4_096;

    /**
     * Continuations are several texts drawn from one place.
     *
     * @param position how many tokens stand before them
     * @param reusedPositions how many of those were not read again
     * @param prefillMs milliseconds that reading the others took
     * @param ms of all of it
     */
    public record Continuations(
            String model,
            int position,
            int reusedPositions,
            double prefillMs,
            double ms,
            List<Continuation> continuations) {}

    /**
     * @param seed with which the same request gives this text alone; null when greedy
     * @param logprob sum of its tokens' log probabilities under the model, nats
     * @param finishReason {@code length}, {@code eos} or {@code stop}
     */
    public record Continuation(Long seed, String text, List<Token> tokens, double logprob, String finishReason) {}

    /**
     * Scores say how probable a text is, token by token.
     *
     * @param position of the first token that has a score
     * @param logprob sum, nats
     * @param perplexity e to the mean of -logprob; null without tokens
     */
    public record Scores(
            String model,
            int position,
            int reusedPositions,
            double ms,
            double logprob,
            Double perplexity,
            List<ScoredToken> tokens) {}

    /** @param rank 0 for the most probable */
    public record ScoredToken(
            int position,
            Token token,
            double logprob,
            double prob,
            int rank,
            List<GeneratedToken.Alternative> alternatives) {}

    /**
     * Distribution is what may come next.
     *
     * @param position of the token that it is about
     * @param logits the model's, [vocab]
     * @param probs with which each token would be drawn, after penalties, temperature and filters, [vocab]
     */
    public record Distribution(String model, int position, int reusedPositions, Tensor logits, Tensor probs) {}

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Prefixes prefixes;
    private final Texts<ScoredToken> texts;
    private final Supplier<String> standardModel;

    Sampling(
            OpenModels models,
            RunStore store,
            RunQueue queue,
            CaptureBudget budget,
            Prefixes prefixes,
            Texts<ScoredToken> texts,
            Supplier<String> standardModel) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
        this.prefixes = prefixes;
        this.texts = texts;
        this.standardModel = standardModel;
    }

    /** Read is a sequence that has been read, and whose logits are known. */
    private record Read(
            PreparedRun run,
            int[] ids,
            InspectorEngine engine,
            Session session,
            float[] logits,
            int reused,
            double ms) {

        int generated() {
            return run.request().branch() == null
                    ? ids.length
                    : run.request().branch().generatedFrom();
        }

        /** A session that holds the same again. */
        Session again(KvPrefix prefix, SessionRequest request) {
            if (prefix != null) return engine.begin(request.after(prefix));
            Session whole = engine.begin(request);
            whole.append(ids.clone());
            return whole;
        }
    }

    private PreparedRun prepared(RunRequest raw) {
        RunRequest r = Branches.resolved(raw, store);
        if (r.capture() != null && !r.capture().isEmpty()) {
            throw Problem.invalid("nothing is captured where no run is kept")
                    .where("capture")
                    .found(r.capture())
                    .instead("make a run of it: POST /api/v1/runs");
        }
        ModelFolder folder = models.folder(r.model() == null ? standardModel.get() : r.model());
        return PreparedRun.of(r, folder, budget, store);
    }

    private <T> T engine(String what, PreparedRun run, Function<InspectorEngine, T> then) {
        RunRequest r = run.request();
        try (RunQueue.Place place = queue.enter(what, run.folder().slug());
                OpenModels.Hold hold = models.hold(run.folder(), r.engine(), r.device(), r.plan(), place::cancelled)) {
            return place.call(() -> then.apply(models.engine(run.folder(), r)));
        }
    }

    private <T> T read(String what, PreparedRun run, int morePositions, Function<Read, T> then) {
        return engine(what, run, engine -> {
            int[] ids = run.ids();
            KvPrefix prefix = prefixes.of(run, engine.info(), store);
            try (Capture clean = run.clean(engine, ids);
                    Session session = engine.begin(
                            request(run, ids.length + morePositions, clean).after(prefix))) {
                long from = System.nanoTime();
                float[] logits = session.append(Arrays.copyOfRange(ids, session.length(), ids.length));
                double ms = (System.nanoTime() - from) / 1e6;
                int reused = prefix == null ? 0 : prefix.length();
                return then.apply(new Read(run, ids, engine, session, logits, reused, ms));
            }
        });
    }

    private static SessionRequest request(PreparedRun run, int positions, Capture clean) {
        int most = Math.min(positions, run.folder().spec().maxContext());
        return new SessionRequest(most, run.hooks(), run.interventions(), run.sources(clean));
    }

    /**
     * Draws n texts from where the request's tokens end; the first with its seed, the next with the seed after it, and so on.
     *
     * @throws Problem as for a run; INVALID for another n than 1 to {@link #MAX_CONTINUATIONS}
     */
    public Continuations continuations(RunRequest raw, int n) {
        RunRequest drawn = raw.generate() == null
                ? raw.toBuilder().generate(GenerateOptions.DEFAULTS).build()
                : raw;
        PreparedRun run = prepared(drawn);
        long tokens = (long) n * run.options().maxNewTokens();
        if (n < 1 || n > MAX_CONTINUATIONS || tokens > MAX_TOKENS) {
            throw Problem.invalid("so many continuations are not made at once")
                    .where("n")
                    .expected("1 to " + MAX_CONTINUATIONS + ", of at most " + MAX_TOKENS + " tokens together")
                    .found(n + " of " + Plural.of(run.options().maxNewTokens(), "token"));
        }
        long from = System.nanoTime();
        return read("continuations", run, run.options().maxNewTokens(), read -> {
            List<Continuation> made = new ArrayList<>();
            try (Capture clean = run.clean(read.engine(), read.ids())) {
                SessionRequest request = request(run, run.maxPositions(), clean);
                KvPrefix here =
                        run.options().maxNewTokens() < 2 ? null : read.session().prefix(read.ids().length);
                for (int i = 0; i < n; i++) {
                    made.add(draw(read, seeded(run.options(), i), here, request));
                    queue.checkCancelled();
                }
            }
            return new Continuations(
                    run.folder().slug(), read.ids().length, read.reused(), read.ms(), msSince(from), made);
        });
    }

    private static GenerateOptions seeded(GenerateOptions options, int i) {
        return options.greedy() ? options : options.withSeed(options.seed() + i);
    }

    private Continuation draw(Read read, GenerateOptions options, KvPrefix here, SessionRequest request) {
        ModelFolder folder = read.run().folder();
        try (Session session = new Resumed(read.ids().length, read.logits(), () -> read.again(here, request))) {
            GenerationLoop.Result result = GenerationLoop.run(
                    session,
                    read.ids(),
                    read.generated(),
                    options,
                    folder.tokenizer(),
                    folder.eosIds(),
                    read.run().maxPositions(),
                    GenerationLoop.Listener.NONE,
                    queue.cancellation());
            return new Continuation(
                    result.seed(),
                    result.text(),
                    result.steps().stream().map(GeneratedToken::token).toList(),
                    result.steps().stream().mapToDouble(GeneratedToken::logprob).sum(),
                    result.finishReason());
        }
    }

    /**
     * How probable a text is after the request's tokens; or, without a text, how probable these are themselves.
     *
     * @param text goes on where the request's tokens end; null with tokens, or for none
     * @param tokens ids instead of a text
     * @param from the first position that has a score, of the request's own tokens; null for 1 where there is no text
     * @param top how many alternatives to list at each
     * @throws Problem as for a run; INVALID for a text and tokens at once, or a first position that has nothing before
     *     it; TOO_LARGE for more than the context, or than is read a token at a time
     */
    public Scores scores(RunRequest raw, String text, List<Integer> tokens, Integer from, int top) {
        return scores(raw, text, tokens, from, top, false);
    }

    /**
     * How probable the request's own tokens are, from the second one on. What this has read of texts before, and these tokens
     * begin with, is not read again: their keys and values are kept, in at most 256 MiB of the models' budget, and their scores.
     * Nothing is kept where that would not be exact: with changes, where positions are turned by the text's length, where an
     * exported graph quantizes all positions with one scale, on a GPU, and with a cache of fewer bits.
     *
     * @throws Problem as {@link #scores}
     */
    public Scores scoresAfterOthers(RunRequest raw, int top) {
        return scores(raw, null, null, 1, top, true);
    }

    private Scores scores(
            RunRequest raw, String text, List<Integer> tokens, Integer from, int top, boolean afterOthers) {
        PreparedRun whole = prepared(raw.toBuilder().generate(null).build());
        List<Integer> more = more(whole, text, tokens);
        List<Integer> all =
                new ArrayList<>(whole.tokens().stream().map(Token::id).toList());
        int first = from != null ? from : more.isEmpty() ? 1 : all.size();
        all.addAll(more);
        if (first < 1 || first > all.size()) {
            throw Problem.invalid("no token stands before that position")
                    .where("from")
                    .expected("1 to " + all.size())
                    .found(first);
        }
        DecoderSpec spec = whole.folder().spec();
        boolean atOnce =
                whole.request().branch() == null && (long) all.size() * spec.vocab() * Float.BYTES <= MOST_LOGITS;
        if ((!atOnce && all.size() - first > MAX_SCORED) || all.size() > spec.maxContext()) {
            throw Problem.tooLarge("the text is too long to be scored token by token")
                    .where("text")
                    .expected((atOnce ? "" : "at most " + MAX_SCORED + " tokens, and ") + "no more than the context of "
                            + spec.maxContext())
                    .found(all.size() - first)
                    .instead("score a part of it");
        }
        // The same run, read only as far as the first score needs, or all of it.
        PreparedRun run = PreparedRun.of(
                whole.request().toBuilder()
                        .prompt(null)
                        .messages(null)
                        .tokens(all.subList(0, atOnce ? Math.max(first, all.size() - 1) : first))
                        .build(),
                whole.folder(),
                budget,
                store);
        long start = System.nanoTime();
        if (afterOthers && Texts.exact(run)) return scoresAfterOthers(run, all, top, atOnce, start);
        if (atOnce) return scoresAtOnce(run, all, first, top, start);
        return read("logprobs", run, all.size() - first, read -> {
            List<ScoredToken> scored = new ArrayList<>();
            float[] logits = read.logits();
            double sum = 0;
            for (int i = first; i < all.size(); i++) {
                queue.checkCancelled();
                NextToken.Score score = NextToken.score(logits, all.get(i), top);
                sum += score.logprob();
                scored.add(scored(i, score, run.folder()));
                if (i + 1 < all.size()) logits = read.session().append(new int[] {all.get(i)});
            }
            return told(run, first, read.reused(), start, sum, scored);
        });
    }

    /** In one pass, whose logits at every position are seen. */
    private Scores scoresAtOnce(PreparedRun run, List<Integer> all, int first, int top, long start) {
        HookId hook = HookId.of(HookPoint.LOGITS);
        return engine("logprobs", run, engine -> {
            int[] ids = run.ids();
            try (Capture clean = run.clean(engine, ids);
                    Session session = engine.begin(new SessionRequest(
                            ids.length, new TreeSet<>(List.of(hook)), run.interventions(), run.sources(clean)))) {
                session.append(ids);
                List<ScoredToken> scored = seen(session, run, all, first, top);
                return told(run, first, 0, start, sum(scored), scored);
            }
        });
    }

    /** The scores of the tokens from this position on, by the logits that a session saw before each. */
    private static List<ScoredToken> seen(Session session, PreparedRun run, List<Integer> all, int first, int top) {
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

    private Scores scoresAfterOthers(PreparedRun run, List<Integer> all, int top, boolean atOnce, long start) {
        int[] ids = all.stream().mapToInt(Integer::intValue).toArray();
        int reads = Math.max(1, ids.length - 1);
        TreeSet<HookId> hooks = new TreeSet<>(atOnce ? List.of(HookId.of(HookPoint.LOGITS)) : List.of());
        return engine("logprobs", run, engine -> {
            Texts.Known<ScoredToken> known = texts.of(run, engine.info(), ids, top);
            List<ScoredToken> scored = new ArrayList<>(known == null ? List.of() : known.scores());
            int reused = scored.size();
            try (Session session = engine.begin(new SessionRequest(reads, hooks, List.of(), List.of())
                    .after(known == null ? null : known.cache()))) {
                if (atOnce) {
                    session.append(Arrays.copyOfRange(ids, reused, reads));
                    scored.addAll(seen(session, run, all, reused + 1, top));
                } else {
                    for (int i = reused + 1; i < ids.length; i++) {
                        queue.checkCancelled();
                        float[] logits = session.append(new int[] {ids[i - 1]});
                        scored.add(scored(i, NextToken.score(logits, ids[i], top), run.folder()));
                    }
                }
                long room = models.budget() - models.held().resident();
                texts.keep(run, engine.info(), ids, session, top, scored, room);
            }
            return told(run, 1, reused, start, sum(scored), scored);
        });
    }

    private static double sum(List<ScoredToken> scored) {
        return scored.stream().mapToDouble(ScoredToken::logprob).sum();
    }

    private static Scores told(
            PreparedRun run, int first, int reused, long start, double sum, List<ScoredToken> scored) {
        Double perplexity = scored.isEmpty() ? null : Math.exp(-sum / scored.size());
        return new Scores(run.folder().slug(), first, reused, msSince(start), sum, perplexity, scored);
    }

    private static ScoredToken scored(int position, NextToken.Score score, ModelFolder folder) {
        List<GeneratedToken.Alternative> top = score.top().stream()
                .map(c -> new GeneratedToken.Alternative(
                        c.id(), folder.token(c.id()).text(), c.logit(), c.prob()))
                .toList();
        return new ScoredToken(
                position, folder.token(score.id()), score.logprob(), Math.exp(score.logprob()), score.rank(), top);
    }

    /** The ids of what goes on: read together with what stands before, where that leaves the tokens before as they are. */
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

    /**
     * What may come after the request's tokens, under its options; nothing is drawn.
     *
     * @throws Problem as for a run
     */
    public Distribution distribution(RunRequest raw) {
        GenerateOptions given = raw.generate() == null ? GenerateOptions.DEFAULTS : raw.generate();
        GenerateOptions options = given.withDefaults();
        PreparedRun run = prepared(raw.toBuilder().generate(null).build());
        return read("distribution", run, 0, read -> {
            double[] exact = NextToken.distribution(read.logits(), options, read.ids(), read.generated());
            float[] probs = new float[exact.length];
            for (int i = 0; i < probs.length; i++) probs[i] = (float) exact[i];
            return new Distribution(
                    run.folder().slug(),
                    read.ids().length,
                    read.reused(),
                    Tensor.of(read.logits(), read.logits().length),
                    Tensor.of(probs, probs.length));
        });
    }

    private static double msSince(long nanoTime) {
        return (System.nanoTime() - nanoTime) / 1e6;
    }
}
