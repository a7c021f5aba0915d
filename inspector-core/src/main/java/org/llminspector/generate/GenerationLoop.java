package org.llminspector.generate;

import java.util.List;
import java.util.function.BooleanSupplier;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.Session;
import org.llminspector.tokenize.Tokenizer;

/** GenerationLoop is one run of a model: the prompt in one pass, then token after token until something ends it. */
public final class GenerationLoop {

    private GenerationLoop() {}

    /** Listener hears of a run while it happens, on the run's thread. */
    public interface Listener {

        Listener NONE = new Listener() {};

        /** The prompt has gone through the model in this many milliseconds. */
        default void prefilled(KvCacheReport kvCache, double ms) {}

        /** A token was picked; the cache does not hold it yet. */
        default void token(GeneratedToken token, KvCacheReport kvCache) {}
    }

    /**
     * Result is what a run made.
     *
     * @param tokens the generated ids, without the prompt; a stop string's and an eos token are among them
     * @param steps one a token; their texts joined are {@code text}
     * @param text the continuation alone, cut before a stop string; empty without a tokenizer
     * @param finishReason {@code length}, {@code eos}, {@code stop} or {@code cancelled}; null when nothing was asked for
     * @param seed what the random choice started from, null when greedy
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

    /**
     * Runs the prompt and, if asked to, continues it. The last token is not fed back to the model.
     *
     * @param session empty; it is not closed here
     * @param prompt ids, at least one and at most {@code maxPositions}
     * @param options how to continue; null: the prompt only
     * @param tokenizerOrNull without one there is no text, and stop strings are refused
     * @param eosIds tokens that end the text
     * @param maxPositions most positions of the sequence; the text ends with {@code length} there
     * @param listener hears of each token
     * @param cancelled asked before each token; true ends the run and keeps what was made
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
        throw new UnsupportedOperationException();
    }
}
