package org.llminspector.generate;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.engine.Session;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/**
 * Generation of a text: the prompt in one pass, then token by token until a limit, an eos token, a stop string or a
 * cancellation.
 */
public final class GenerationLoop {

    /** Observer of a run's progress, called on the run's thread. */
    public interface Listener {

        Listener NONE = new Listener() {};

        /** Called after the prompt's forward pass, with its milliseconds. */
        default void prefilled(KvCacheReport kvCache, double ms) {}

        /** Called for each chosen token; it is not in the KV cache yet. */
        default void token(GeneratedToken token, KvCacheReport kvCache) {}
    }

    /**
     * Result of a run.
     *
     * @param tokens the generated ids, without the prompt, including those of a stop string or eos
     * @param steps one per token; their texts concatenated are {@code text}
     * @param text the continuation alone, cut before a stop string; empty without a tokenizer
     * @param finishReason {@code length}, {@code eos}, {@code stop} or {@code cancelled}; null without generation
     * @param seed seed of the random choice, null when greedy
     * @param prefillMs milliseconds of the prompt's forward pass
     * @param decodeMs milliseconds from the end of the prefill to the end: forward passes, sampling, listener
     */
    public record Result(
            List<Integer> tokens,
            List<GeneratedToken> steps,
            String text,
            String finishReason,
            Long seed,
            double prefillMs,
            double decodeMs) {

        public Result {
            tokens = List.copyOf(tokens);
            steps = List.copyOf(steps);
        }
    }

    private final Session session;
    private final GenerateOptions options;
    private final Tokenizer tokenizer;
    private final List<Integer> eosIds;
    private final int maxPositions;
    private final Listener listener;
    private final BooleanSupplier cancelled;
    private final int[] prompt;
    private final int generated;
    private final List<Integer> tokens = new ArrayList<>();
    private final List<GeneratedToken> steps = new ArrayList<>();

    private GenerationLoop(
            Session session,
            int[] prompt,
            int generated,
            GenerateOptions options,
            Tokenizer tokenizer,
            List<Integer> eosIds,
            int maxPositions,
            Listener listener,
            BooleanSupplier cancelled) {
        this.session = session;
        this.prompt = prompt;
        this.generated = generated;
        this.options = options;
        this.tokenizer = tokenizer;
        this.eosIds = eosIds;
        this.maxPositions = maxPositions;
        this.listener = listener;
        this.cancelled = cancelled;
    }

    /**
     * Runs the prompt and, with options, continues it. The last token is not fed back to the model.
     *
     * @param session empty, or containing the prompt's beginning, which is not run again; it is not closed here
     * @param prompt ids, at least one and at most {@code maxPositions}
     * @param options null for the prompt only
     * @param tokenizerOrNull without one there is no text, and stop strings are refused
     * @param eosIds tokens that end the text
     * @param maxPositions most positions of the sequence; the text ends with {@code length} there
     * @param listener called for each token
     * @param cancelled checked before each token; true ends the run and keeps its tokens
     */
    public static Result run(
            Session session,
            int[] prompt,
            GenerateOptions options,
            Tokenizer tokenizerOrNull,
            List<Integer> eosIds,
            int maxPositions,
            Listener listener,
            BooleanSupplier cancelled) {
        return run(session, prompt, prompt.length, options, tokenizerOrNull, eosIds, maxPositions, listener, cancelled);
    }

    /**
     * The same for a prompt that ends with tokens generated before.
     *
     * @param generated index of the first of those: presence and frequency penalties count from there on
     */
    public static Result run(
            Session session,
            int[] prompt,
            int generated,
            GenerateOptions options,
            Tokenizer tokenizerOrNull,
            List<Integer> eosIds,
            int maxPositions,
            Listener listener,
            BooleanSupplier cancelled) {
        checkPrompt(prompt, maxPositions);
        GenerateOptions complete = options == null ? null : options.withDefaults();
        if (complete != null && !complete.stop().isEmpty() && tokenizerOrNull == null) {
            throw Problem.unsupported("stop strings need text, and the model has no tokenizer")
                    .where("generate.stop")
                    .found(complete.stop())
                    .instead("leave stop out, or put a tokenizer.json into the model's folder");
        }
        return new GenerationLoop(
                        session,
                        prompt,
                        generated,
                        complete,
                        tokenizerOrNull,
                        eosIds,
                        maxPositions,
                        listener,
                        cancelled)
                .run();
    }

    private static void checkPrompt(int[] prompt, int maxPositions) {
        if (prompt.length == 0) {
            throw Problem.invalid("the prompt has no tokens")
                    .where("prompt")
                    .expected("at least one token")
                    .found("none")
                    .instead("write a prompt, or let the tokenizer add its special tokens");
        }
        if (prompt.length > maxPositions) {
            throw Problem.tooLarge("the prompt is longer than the context")
                    .where("prompt")
                    .expected("at most " + maxPositions + " tokens")
                    .found(prompt.length + " tokens")
                    .instead("shorten the prompt");
        }
    }

    private Result run() {
        long start = System.nanoTime();
        float[] logits = session.append(Arrays.copyOfRange(prompt, session.length(), prompt.length));
        double prefillMs = msSince(start);
        listener.prefilled(session.kvCache(), prefillMs);
        long decodeStart = System.nanoTime();
        String reason = options == null ? null : generate(logits, prefillMs);
        String text = steps.stream().map(GeneratedToken::text).collect(Collectors.joining());
        Long seed = options == null ? null : options.seed();
        return new Result(tokens, steps, text, reason, seed, prefillMs, options == null ? 0 : msSince(decodeStart));
    }

    /** Generates tokens until the text ends; returns the finish reason. */
    private String generate(float[] firstLogits, double firstMs) {
        int limit = Math.min(options.maxNewTokens(), maxPositions - prompt.length);
        Sampler sampler = new Sampler(options, prompt, generated);
        Text text = new Text();
        float[] logits = firstLogits;
        double ms = firstMs;
        while (tokens.size() < limit) {
            if (cancelled.getAsBoolean()) {
                endCancelled(text);
                return "cancelled";
            }
            if (!tokens.isEmpty()) {
                long start = System.nanoTime();
                logits = session.append(new int[] {tokens.get(tokens.size() - 1)});
                ms = msSince(start);
            }
            int position = prompt.length + tokens.size();
            Sampler.Choice choice = sampler.pick(logits, position);
            tokens.add(choice.id());
            boolean eos = !options.ignoreEos() && eosIds.contains(choice.id());
            String piece = eos ? "" : text.push(choice.id());
            String reason = text.stopped() ? "stop" : eos ? "eos" : tokens.size() == limit ? "length" : null;
            if (reason != null) piece += text.finish();
            // The replacement of an incomplete character at the end may complete a stop string.
            if (text.stopped()) reason = "stop";
            GeneratedToken step = step(position, choice, piece, logits, ms);
            steps.add(step);
            listener.token(step, session.kvCache());
            if (reason != null) return reason;
        }
        return "length";
    }

    /** Adds withheld text to the last token; the listener has already received that token without it. */
    private void endCancelled(Text text) {
        String rest = text.finish();
        if (steps.isEmpty() || rest.isEmpty()) return;
        GeneratedToken last = steps.remove(steps.size() - 1);
        steps.add(new GeneratedToken(
                last.position(),
                last.token(),
                last.text() + rest,
                last.logprob(),
                last.prob(),
                last.sampledProb(),
                last.alternatives(),
                last.ms()));
    }

    private GeneratedToken step(int position, Sampler.Choice choice, String text, float[] logits, double ms) {
        List<GeneratedToken.Alternative> alternatives = new ArrayList<>();
        for (int id : Ranking.top(logits, options.alternatives())) {
            alternatives.add(new GeneratedToken.Alternative(
                    id, token(id).text(), logits[id], Math.exp(logits[id] - choice.logNorm())));
        }
        return new GeneratedToken(
                position,
                token(choice.id()),
                text,
                choice.logprob(),
                Math.exp(choice.logprob()),
                choice.sampledProb(),
                alternatives,
                ms);
    }

    /** The id's token; a model's vocabulary may be padded beyond its tokenizer's. */
    private Token token(int id) {
        return tokenizer != null && tokenizer.has(id) ? tokenizer.token(id) : Token.ofId(id);
    }

    private static double msSince(long nanoTime) {
        return (System.nanoTime() - nanoTime) / 1e6;
    }

    /** The decided part of the continuation: whole characters, without a stop string's beginning. */
    private final class Text {
        private final Tokenizer.TextStream stream = tokenizer == null ? null : tokenizer.stream(boxed(prompt));
        private final StopStrings stops = new StopStrings(options.stop());

        String push(int id) {
            return stream == null ? "" : stops.push(stream.push(id));
        }

        String finish() {
            return stream == null ? "" : stops.push(stream.finish()) + stops.finish();
        }

        boolean stopped() {
            return stops.found();
        }
    }

    private static List<Integer> boxed(int[] ids) {
        return Arrays.stream(ids).boxed().toList();
    }
}
