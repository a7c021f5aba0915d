package org.llminspector.generate;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import org.llminspector.base.Built;
import org.llminspector.base.Problem;

/**
 * Options for continuing a text. Null means the default given here.
 *
 * <p>The names and meanings are those of Hugging Face's GenerationConfig, and so is the order in which they apply:
 * repetition penalty, temperature, top-k, top-p, min-p. Presence and frequency penalties are OpenAI's and vLLM's, and
 * come after the repetition penalty.
 *
 * @param maxNewTokens most tokens to generate (20)
 * @param greedy always the most probable token (true unless temperature, topK, topP, minP or seed is given)
 * @param temperature divides the logits (1); 0 means greedy
 * @param topK keep the k most probable tokens, and those equal to the last of them (0: all)
 * @param topP keep the smallest set whose probability reaches p (1: all)
 * @param minP keep tokens at least minP times as probable as the most probable one (0: all)
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens already seen (1: none)
 * @param seed of the random choice; the same seed gives the same text (drawn and recorded when null)
 * @param stop the text ends before the first of these strings
 * @param alternatives how many most probable tokens to report at each step (10)
 * @param ignoreEos continue past the end-of-sequence token (false)
 * @param presencePenalty subtracted from the logits of tokens generated before (0: none)
 * @param frequencyPenalty the same, times the number of times that each was generated (0: none)
 */
@Built
public record GenerateOptions(
        Integer maxNewTokens,
        Boolean greedy,
        Double temperature,
        Integer topK,
        Double topP,
        Double minP,
        Double repetitionPenalty,
        Long seed,
        List<String> stop,
        Integer alternatives,
        Boolean ignoreEos,
        Double presencePenalty,
        Double frequencyPenalty) {

    private static final int MAX_NEW_TOKENS = 1_000_000;
    private static final int MAX_ALTERNATIVES = 1_000;
    private static final int MAX_STOP_STRINGS = 64;
    private static final int MAX_STOP_LENGTH = 1_000;

    /** Every option at its default. */
    public static final GenerateOptions DEFAULTS =
            GenerateOptionsBuilder.builder().build();

    /**
     * These options with defaults filled in; temperature, topK, topP, minP and seed are null when greedy. A field out
     * of its range throws a Problem that names it.
     */
    public GenerateOptions withDefaults() {
        boolean cold = temperature != null && temperature == 0;
        boolean asksToSample =
                (temperature != null && !cold) || topK != null || topP != null || minP != null || seed != null;
        boolean picksGreedily = greedy != null ? greedy : cold || !asksToSample;
        Integer newTokens = within("max_new_tokens", maxNewTokens, 20, 0, MAX_NEW_TOKENS);
        double penalty = or(repetitionPenalty, 1);
        check(penalty > 0 && penalty <= 100, "repetition_penalty", "more than 0, at most 100", penalty);
        double presence = penalty("presence_penalty", presencePenalty);
        double frequency = penalty("frequency_penalty", frequencyPenalty);
        List<String> stops = stopStrings();
        Integer shown = within("alternatives", alternatives, 10, 0, MAX_ALTERNATIVES);
        boolean pastEos = ignoreEos != null && ignoreEos;
        GenerateOptionsBuilder filled = GenerateOptionsBuilder.builder(this)
                .maxNewTokens(newTokens)
                .repetitionPenalty(penalty)
                .stop(stops)
                .alternatives(shown)
                .ignoreEos(pastEos)
                .presencePenalty(presence)
                .frequencyPenalty(frequency);
        if (picksGreedily) {
            refuseIfGreedy("temperature", cold ? null : temperature);
            refuseIfGreedy("top_k", topK);
            refuseIfGreedy("top_p", topP);
            refuseIfGreedy("min_p", minP);
            return filled.greedy(true).temperature(null).seed(null).build();
        }
        double heat = or(temperature, 1);
        check(heat > 0 && heat <= 100, "temperature", "more than 0, at most 100 (0 with greedy)", heat);
        Integer k = within("top_k", topK, 0, 0, Integer.MAX_VALUE);
        double p = or(topP, 1);
        check(p > 0 && p <= 1, "top_p", "more than 0, at most 1", p);
        double min = or(minP, 0);
        check(min >= 0 && min <= 1, "min_p", "0 to 1", min);
        // 32 bits: exact in every JSON reader, and short enough to type.
        long start = seed != null ? seed : ThreadLocalRandom.current().nextLong(1L << 32);
        return filled.greedy(false)
                .temperature(heat)
                .topK(k)
                .topP(p)
                .minP(min)
                .seed(start)
                .build();
    }

    private static double penalty(String field, Double given) {
        double penalty = or(given, 0);
        check(penalty >= -2 && penalty <= 2, field, "-2 to 2", penalty);
        return penalty;
    }

    /** The same with another seed. */
    public GenerateOptions withSeed(long other) {
        return GenerateOptionsBuilder.builder(this).seed(other).build();
    }

    private List<String> stopStrings() {
        if (stop == null) return List.of();
        check(stop.size() <= MAX_STOP_STRINGS, "stop", "at most " + MAX_STOP_STRINGS + " strings", stop.size());
        for (String s : stop) {
            check(s != null && !s.isEmpty(), "stop", "strings that are not empty", s == null ? "null" : "\"\"");
            check(s.length() <= MAX_STOP_LENGTH, "stop", "at most " + MAX_STOP_LENGTH + " characters", s.length());
        }
        return List.copyOf(stop);
    }

    private void refuseIfGreedy(String field, Object value) {
        if (value == null) return;
        throw Problem.invalid("greedy generation draws nothing, so it has no " + field)
                .where("generate." + field)
                .expected("greedy without temperature, top_k, top_p and min_p")
                .found(field + " " + value + (temperature != null && temperature == 0 ? " with temperature 0" : ""))
                .instead("leave " + field + " out, or set greedy to false");
    }

    private static double or(Double value, double otherwise) {
        return value == null ? otherwise : value;
    }

    private static Integer within(String field, Integer value, int otherwise, int min, int max) {
        if (value == null) return otherwise;
        check(value >= min && value <= max, field, min + " to " + max, value);
        return value;
    }

    private static void check(boolean right, String field, String expected, Object found) {
        if (right) return;
        throw Problem.invalid("a generation option is out of its range")
                .where("generate." + field)
                .expected(expected)
                .found(found);
    }
}
