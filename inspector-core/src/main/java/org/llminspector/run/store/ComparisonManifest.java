package org.llminspector.run.store;

import java.util.List;
import org.llminspector.analysis.Outliers;
import org.llminspector.analysis.OutputMeasures;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.Spread;
import org.llminspector.hook.HookId;
import org.llminspector.tokenize.Token;

/**
 * ComparisonManifest is what is known of a finished comparison but its numbers by position: manifest.json of its folder.
 * A number that would be infinite is null.
 *
 * @param id sorts by time
 * @param created ISO-8601 UTC
 * @param version of the program
 * @param options as they were used, with their defaults filled in
 * @param hooks a row a compared hook, in data order; empty without a prompt
 * @param skipped hooks that only one side has or that differ in shape
 * @param firsts for rising thresholds the first hook in data order whose relative L2 is past it
 * @param firstBad the first hook whose own error stands above the noise; null without a prompt
 * @param floor how far A lies from itself; null when it was not asked for
 * @param modules the split of each module's error; null when it was not asked for or cannot be had
 * @param modulesWhy why {@code modules} is null though it was asked for
 * @param prompt measures over the prompt's positions; null without a prompt
 * @param text measures over the text; null without one
 * @param sensitivity what each module is worth; null when it was not asked for
 * @param totalMs milliseconds of the whole comparison
 */
public record ComparisonManifest(
        String id,
        String created,
        String version,
        String name,
        Side a,
        Side b,
        ComparisonRequest.Options options,
        List<HookRow> hooks,
        List<Skipped> skipped,
        List<First> firsts,
        FirstBad firstBad,
        NoiseFloor floor,
        List<ModuleError> modules,
        String modulesWhy,
        List<Activation> activations,
        String activationsWhy,
        OutputMeasures prompt,
        TextPart text,
        Sensitivity sensitivity,
        double totalMs) {

    /** One side. {@code tokens} are the prompt's; {@code cost} is null when it was not measured. */
    public record Side(
            RunRequest request, RunManifest.ModelIdentity model, EngineInfo engine, List<Token> tokens, Cost cost) {}

    /**
     * A hook over all positions together; A is the reference. {@code sqnr} in dB, null when nothing differs.
     *
     * @param made |B on A's inputs - A| / |A|: what B's part of the module up to this hook does to A's residual stream; null
     *     where the hook is such an input, and where it cannot be had
     * @param floor |A again - A| / |A|; null when it was not measured
     */
    public record HookRow(
            HookId hook,
            Double cosine,
            Double relativeL2,
            Double maxAbs,
            Double sqnr,
            int worstPosition,
            Double worstRelativeL2,
            Double made,
            Double floor) {}

    public record Skipped(HookId hook, String why) {}

    /** {@code hook}, {@code position} and {@code relativeL2} are null when nothing is past the threshold. */
    public record First(double threshold, HookId hook, Integer position, Double relativeL2) {}

    /**
     * FirstBad is the first hook in data order whose own error stands above the noise: every hook before it makes less than
     * {@code factor} times its floor.
     *
     * @param factor how many times the floor
     * @param basis {@code made}: of the error that B makes itself on A's inputs; {@code total}: of all of the error, where the
     *     two cannot be told apart (the first hook past the bound has inherited at most what is below it)
     * @param hook null when nothing stands above the floor; and with it the rest
     * @param position the first at which it does so
     * @param distance its relative L2 over all positions
     * @param floor of this hook: what A lies from itself, but at least half a unit in the last place of a float32
     */
    public record FirstBad(double factor, String basis, HookId hook, Integer position, Double distance, Double floor) {}

    /**
     * NoiseFloor is how far A lies from itself when nothing but the order of its sums changes: digits below it mean nothing.
     *
     * @param how it was asked for
     * @param what A was compared with, in words
     * @param prompt the measures of A against itself over the prompt; null without one
     * @param text the same over the first windows of the text; null without one
     * @param why there are none though they were asked for; else null
     */
    public record NoiseFloor(
            ComparisonRequest.Floor how, String what, OutputMeasures prompt, OutputMeasures text, String why) {}

    /**
     * @param module {@code embed}, {@code blocks.3.attn}, {@code blocks.3.mlp}, {@code unembed}
     * @param output the hook whose error is split
     */
    public record ModuleError(
            String module, HookId output, Double total, Double made, Double inherited, Double cosine) {}

    /** Which matrices read a value. */
    public enum Feeds {
        QKV,
        O,
        /** The three matrices of a short convolution. */
        CONV_IN,
        CONV_OUT,
        /** The MLP's first matrix, and its gate. */
        MLP_IN,
        MLP_OUT,
        UNEMBED
    }

    /**
     * The outliers of what some matrices of A read, after a norm's weight: see {@link Outliers}.
     *
     * @param layer null for the unembedding
     */
    public record Activation(
            Integer layer,
            Feeds feeds,
            double maxAbs,
            int position,
            int channel,
            double rms,
            Double kurtosis,
            double topShare,
            int topChannels,
            int channels) {

        public static Activation of(Integer layer, Feeds feeds, Outliers o) {
            return new Activation(
                    layer,
                    feeds,
                    o.maxAbs(),
                    o.position(),
                    o.channel(),
                    o.rms(),
                    o.kurtosis(),
                    o.topShare(),
                    o.topChannels(),
                    o.channels());
        }
    }

    /**
     * @param beginning of the text
     * @param tokens of the text, without what the tokenizer adds
     * @param window positions a pass
     * @param stride tokens from one window to the next
     * @param windows passes
     */
    public record TextPart(
            String beginning,
            int characters,
            int tokens,
            int window,
            int stride,
            int windows,
            OutputMeasures measures) {}

    /**
     * What a side costs. Speeds are medians of runs without captures or changes, the two sides in turns.
     *
     * @param form of the engine that ran: {@code fast} where there is one, for nothing is captured
     * @param loadMs milliseconds from the files to a model ready to run
     * @param prefillTokens of the prompt that was read
     * @param prefill tokens a second while reading it
     * @param decode tokens a second after it, one by one
     * @param firstToken milliseconds from the prompt to the first token that was chosen
     * @param between what one waits for each further token; null where none was made
     * @param lengths the same after prompts of other lengths, as asked for
     * @param joules that the whole GPU took in a run, prompt and continuation: the median; null on a CPU or where NVML does
     *     not say it
     * @param weightBytes as the engine holds them
     * @param fileBytes of the weights on disk
     * @param kvDtype number format of keys and values
     * @param kvBytesPerToken one entry a layer
     * @param peakProcessBytes most physical memory of the whole process (both models, the JVM) while this side ran;
     *     null where the system does not say
     * @param deviceBytes memory of the GPU that was taken when a run of this side ended, by everything on it; the most of
     *     its runs, and about the peak, for engines keep what they took; null on a CPU or where nothing says so
     */
    public record Cost(
            String form,
            double loadMs,
            int prefillTokens,
            Speed prefill,
            Speed decode,
            Spread firstToken,
            Waits between,
            List<AtLength> lengths,
            Double joules,
            long weightBytes,
            long fileBytes,
            String kvDtype,
            List<Long> kvBytesPerToken,
            Long peakProcessBytes,
            Long deviceBytes) {}

    /** Milliseconds from one token to the next, of all runs together: the value that so many per cent are at most. */
    public record Waits(double p50, double p95, double p99, int tokens) {}

    /** @param tokens of a prompt: the comparison's own, said again until it is so long */
    public record AtLength(int tokens, Speed prefill, Speed decode, Spread firstToken, Waits between) {}

    /** Tokens a second: median, slowest and fastest of {@code runs}. */
    public record Speed(double median, double slowest, double fastest, int runs) {}
}
