package org.llminspector.web.cli.common;

import java.util.List;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.generate.GenerateOptionsBuilder;
import picocli.CommandLine.Option;

/** Options of generation. */
public final class GenerateFlags {

    @Option(names = "--max-new-tokens", paramLabel = "N", description = "The most tokens to make. Default: 20.")
    Integer maxNewTokens;

    @Option(names = "--greedy", description = "Always the most probable token. The default without sampling options.")
    Boolean greedy;

    @Option(names = "--temperature", paramLabel = "T", description = "Divides the logits; 1 leaves them.")
    Double temperature;

    @Option(names = "--top-k", paramLabel = "K", description = "Choose among the K most probable tokens.")
    Integer topK;

    @Option(names = "--top-p", paramLabel = "P", description = "Choose among the fewest tokens that reach P together.")
    Double topP;

    @Option(
            names = "--min-p",
            paramLabel = "P",
            description = "Choose among tokens at least P times as probable as the first.")
    Double minP;

    @Option(
            names = "--repetition-penalty",
            paramLabel = "R",
            description = "Makes tokens seen before less probable; 1 leaves them.")
    Double repetitionPenalty;

    @Option(
            names = "--presence-penalty",
            paramLabel = "X",
            description = "Taken from the logits of tokens that were generated before; 0 leaves them.")
    Double presencePenalty;

    @Option(
            names = "--frequency-penalty",
            paramLabel = "X",
            description = "The same, as many times as each was generated.")
    Double frequencyPenalty;

    @Option(names = "--seed", paramLabel = "N", description = "The same seed gives the same text. Default: drawn.")
    Long seed;

    @Option(names = "--stop", paramLabel = "TEXT", description = "The text ends before this; may be repeated.")
    List<String> stop;

    @Option(names = "--ignore-eos", description = "Go on past the end-of-sequence token.")
    Boolean ignoreEos;

    public GenerateOptions options() {
        return GenerateOptionsBuilder.builder()
                .maxNewTokens(maxNewTokens)
                .greedy(greedy)
                .temperature(temperature)
                .topK(topK)
                .topP(topP)
                .minP(minP)
                .repetitionPenalty(repetitionPenalty)
                .seed(seed)
                .stop(stop)
                .ignoreEos(ignoreEos)
                .presencePenalty(presencePenalty)
                .frequencyPenalty(frequencyPenalty)
                .build();
    }
}
