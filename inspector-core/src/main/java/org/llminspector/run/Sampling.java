package org.llminspector.run;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.generate.GenerationLoop;
import org.llminspector.generate.NextToken;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/**
 * Sampling and scoring without storing a run: several continuations of one prompt, the next-token distribution, log
 * probabilities of a given text. Thread-safe.
 */
public final class Sampling {

    /** Most continuations of a request. */
    public static final int MAX_CONTINUATIONS = 100;

    private static final int MAX_TOKENS = 10_000;

    /**
     * Several texts sampled after the same tokens.
     *
     * @param position number of tokens before them
     * @param reusedPositions how many of those came from the cache
     * @param prefillMs milliseconds of reading the others
     * @param ms total milliseconds
     */
    public record Continuations(
            String model,
            int position,
            int reusedPositions,
            double prefillMs,
            double ms,
            List<Continuation> continuations) {}

    /**
     * @param seed that reproduces this text alone; null when greedy
     * @param logprob sum of its tokens' log probabilities under the model, nats
     * @param finishReason {@code length}, {@code eos} or {@code stop}
     */
    public record Continuation(Long seed, String text, List<Token> tokens, double logprob, String finishReason) {}

    /**
     * Next-token distribution.
     *
     * @param position of the predicted token
     * @param logits of the model, [vocab]
     * @param probs sampling probabilities after penalties, temperature and filters, [vocab]
     */
    public record Distribution(String model, int position, int reusedPositions, Tensor logits, Tensor probs) {}

    private final ForwardPasses readings;
    private final Scoring scoring;

    Sampling(ForwardPasses readings, TextCache<ScoredToken> texts) {
        this.readings = readings;
        this.scoring = new Scoring(readings, texts);
    }

    /** Log probabilities of texts; for tests. */
    Scoring scoring() {
        return scoring;
    }

    /**
     * Samples n texts after the request's tokens, with consecutive seeds from the request's.
     *
     * @throws Problem as for a run; INVALID for n outside 1 to {@link #MAX_CONTINUATIONS}
     */
    public Continuations continuations(RunRequest raw, int n) {
        RunRequest drawn = raw.generate() == null
                ? raw.toBuilder().generate(GenerateOptions.DEFAULTS).build()
                : raw;
        PreparedRun run = readings.prepared(readings.resolved(drawn));
        long tokens = (long) n * run.options().maxNewTokens();
        if (n < 1 || n > MAX_CONTINUATIONS || tokens > MAX_TOKENS) {
            throw Problem.invalid("too many continuations for one request")
                    .where("n")
                    .expected("1 to " + MAX_CONTINUATIONS + ", of at most " + MAX_TOKENS + " tokens together")
                    .found(n + " of " + Plural.of(run.options().maxNewTokens(), "token"));
        }
        long from = System.nanoTime();
        return readings.read("continuations", run, run.options().maxNewTokens(), read -> {
            List<Continuation> made = new ArrayList<>();
            try (Capture clean = run.clean(read.engine(), read.ids())) {
                SessionRequest request = ForwardPasses.request(run, run.maxPositions(), clean);
                // A session that starts from a cache lacks the prompt's activations that a mean needs.
                boolean reuses = run.options().maxNewTokens() > 1 && !run.takesMean();
                KvPrefix here = reuses ? read.session().prefix(read.ids().length) : null;
                for (int i = 0; i < n; i++) {
                    made.add(draw(read, seeded(run.options(), i), here, request));
                    readings.queue().checkCancelled();
                }
            }
            return new Continuations(
                    run.folder().slug(), read.ids().length, read.reused(), read.ms(), msSince(from), made);
        });
    }

    private static GenerateOptions seeded(GenerateOptions options, int i) {
        return options.greedy() ? options : options.withSeed(options.seed() + i);
    }

    private Continuation draw(ForwardPasses.Read read, GenerateOptions options, KvPrefix here, SessionRequest request) {
        ModelFolder folder = read.run().folder();
        try (Session session =
                new PrefilledSession(read.ids().length, read.logits(), () -> read.replay(here, request))) {
            GenerationLoop.Result result = GenerationLoop.run(
                    session,
                    read.ids(),
                    read.generated(),
                    options,
                    folder.tokenizer(),
                    folder.eosIds(),
                    read.run().maxPositions(),
                    GenerationLoop.Listener.NONE,
                    readings.queue().cancellation());
            return new Continuation(
                    result.seed(),
                    result.text(),
                    result.steps().stream().map(GeneratedToken::token).toList(),
                    result.steps().stream().mapToDouble(GeneratedToken::logprob).sum(),
                    result.finishReason());
        }
    }

    /**
     * Log probabilities of a text after the request's tokens; without a text, of the request's own tokens.
     *
     * @param text that follows the request's tokens; null with {@code tokens}, or for none
     * @param tokens ids instead of a text
     * @param from the first position that has a score, of the request's own tokens; null for 1 where there is no text
     * @param top how many alternatives to list at each
     * @throws Problem as for a run; INVALID for a text and tokens at once, or a first position with nothing before it;
     *     TOO_LARGE for more than the context, or than is read one token at a time
     */
    public Scores scores(RunRequest raw, String text, List<Integer> tokens, Integer from, int top) {
        return scoring.scores(raw, text, tokens, from, top, false);
    }

    /**
     * Log probabilities of the request's own tokens, from the second one on. Keys, values and scores of a prefix shared
     * with earlier texts are reused; they are cached in at most 256 MiB of the memory budget. Nothing is cached where
     * reuse would not be exact: with interventions, where RoPE depends on the text's length, where an exported graph
     * quantizes all positions with one scale, on a GPU, and with a quantized KV cache.
     *
     * @throws Problem as {@link #scores}
     */
    public Scores scoresAfterOthers(RunRequest raw, int top) {
        return scoring.scores(raw, null, null, 1, top, true);
    }

    /**
     * Next-token distribution after the request's tokens, under its options; nothing is sampled.
     *
     * @throws Problem as for a run
     */
    public Distribution distribution(RunRequest raw) {
        GenerateOptions given = raw.generate() == null ? GenerateOptions.DEFAULTS : raw.generate();
        GenerateOptions options = given.withDefaults();
        PreparedRun run = readings.prepared(
                readings.resolved(raw.toBuilder().generate(null).build()));
        return readings.read("distribution", run, 0, read -> {
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
