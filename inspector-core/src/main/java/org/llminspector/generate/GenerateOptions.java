package org.llminspector.generate;

import java.util.List;

/**
 * GenerateOptions says how to continue a text. Null means the default that is named here.
 *
 * @param maxNewTokens most tokens to make (20)
 * @param greedy always the most probable token (true unless a sampling field is given)
 * @param temperature divides the logits (1)
 * @param topK keep the k most probable tokens (all)
 * @param topP keep the smallest set whose probability reaches p (1: all)
 * @param minP keep tokens at least minP times as probable as the most probable one (0: all)
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens already seen (1: none)
 * @param seed of the random choice; the same seed gives the same text (drawn and recorded when null)
 * @param stop the text ends before the first of these strings
 * @param alternatives how many most probable tokens to report at each step (10)
 * @param ignoreEos go on past the end-of-sequence token (false)
 */
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
        Boolean ignoreEos) {

    public GenerateOptions withDefaults() {
        throw new UnsupportedOperationException();
    }
}
