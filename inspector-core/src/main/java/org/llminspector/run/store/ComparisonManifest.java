package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.Comparator;
import java.util.List;
import org.llminspector.analysis.Outliers;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.TimingSummary;
import org.llminspector.hook.HookId;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.tokenize.Token;

/**
 * Results of a finished comparison except its values by position: manifest.json of its folder. Infinite numbers are
 * null.
 *
 * @param id sorts by time
 * @param created ISO-8601 UTC
 * @param version of the program
 * @param options as used, with their defaults filled in
 * @param hooks one row per compared hook, in data-flow order; empty without a prompt
 * @param skipped hooks that only one side has or that differ in shape
 * @param firsts for rising thresholds, the first hook in data-flow order whose relative L2 exceeds it
 * @param firstBad the first hook whose local error exceeds the noise floor; null without a prompt
 * @param floor distance of A from itself; null when not requested
 * @param modules local and inherited error of each module; null when not requested or not possible
 * @param modulesWhy why {@code modules} is null although requested
 * @param prompt measures over the prompt's positions; null without a prompt
 * @param text measures over the text; null without one
 * @param corpus divergence over the corpus; null without one
 * @param sensitivity per-module sensitivity; null when not requested
 * @param continuations what both sides write after the prompt; null without a prompt, and where none was asked for
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
        CorpusPart corpus,
        Sensitivity sensitivity,
        Continuations continuations,
        double totalMs) {

    /** Safe, look here or broken; made from the other fields. Null where no outputs were compared. */
    @JsonProperty(access = JsonProperty.Access.READ_ONLY)
    public Verdict verdict() {
        OutputMeasures o = text == null ? prompt : text.measures();
        if (o == null && corpus == null) return null;
        OutputMeasures itself = floor == null ? null : text == null ? floor.prompt() : floor.text();
        Verdict.Rules rules = new Verdict.Rules(options.bounds(), itself);
        if (!hooks.isEmpty()) {
            List<HookRow> bad = hooks.stream().filter(h -> h.maxAbs() == null).toList();
            rules.notFinite(bad.size(), bad.isEmpty() ? null : bad.get(0).hook().name());
        }
        if (corpus == null) rules.outputs(o);
        else rules.outputs(corpus.divergence());
        if (modules != null && !modules.isEmpty()) {
            ModuleError worst = modules.stream()
                    .max(Comparator.comparingDouble(e -> e.made() == null ? Double.POSITIVE_INFINITY : e.made()))
                    .orElseThrow();
            rules.module(worst.made(), worst.module());
        }
        return rules.verdict(
                corpus != null ? "corpus" : text != null ? "text" : "prompt",
                corpus != null ? corpus.divergence().tokens() : o.positions(),
                options.factor() == null ? 1 : options.factor(),
                firstBad == null ? null : firstBad.hook() == null);
    }

    /**
     * What both sides write after the prompt, each its most probable token.
     *
     * @param firstDifference index of the first token that differs; null where none does
     * @param margin log-probability of A's token there less that of its second choice, nats; null where none differs
     * @param noise largest change of a logit of the prompt when A reads it a second time; null where not measured
     * @param nearTie whether the margin is within {@code options.factor} times that noise: rounding alone could turn the choice
     */
    public record Continuations(
            List<Token> a, List<Token> b, Integer firstDifference, Double margin, Double noise, Boolean nearTie) {}

    /** One side. {@code tokens} are the prompt's; {@code cost} is null when not measured. */
    public record Side(
            RunRequest request, RunManifest.ModelIdentity model, EngineInfo engine, List<Token> tokens, Cost cost) {}

    /**
     * One hook over all positions, relative to A. {@code sqnr} is in dB, null when nothing differs.
     *
     * @param made |B on A's inputs - A| / |A|, the local error of B's module up to this hook; null where the hook is
     *     such an input, and where it is not possible
     * @param floor |second pass of A - A| / |A|; null when not measured
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

    /** {@code hook}, {@code position} and {@code relativeL2} are null when nothing exceeds the threshold. */
    public record First(double threshold, HookId hook, Integer position, Double relativeL2) {}

    /**
     * The first hook in data-flow order whose local error exceeds {@code factor} times its noise floor.
     *
     * @param factor multiple of the floor
     * @param basis {@code made}: the error that B makes on A's inputs; {@code total}: the whole error, where the two
     *     cannot be separated (the first hook above the bound has inherited at most what is below it)
     * @param hook null, as are the fields below, when nothing exceeds the bound
     * @param position the first position above the bound
     * @param distance the hook's relative L2 at that position
     * @param distanceAll the same over all positions, by which the hook was found
     * @param floor of this hook: A's distance from itself, but at least half a unit in the last place of a float32
     */
    public record FirstBad(
            double factor,
            String basis,
            HookId hook,
            Integer position,
            Double distance,
            Double distanceAll,
            Double floor) {}

    /**
     * Distance of A from itself under a different order of summation; smaller differences are rounding.
     *
     * @param how as requested
     * @param what the second pass of A, in words
     * @param prompt measures of A against itself over the prompt; null without one
     * @param text the same over the first windows of the text; null without one
     * @param why why there are none although requested; else null
     */
    public record NoiseFloor(
            ComparisonRequest.Floor how, String what, OutputMeasures prompt, OutputMeasures text, String why) {}

    /**
     * @param module {@code embed}, {@code blocks.3.attn}, {@code blocks.3.mlp}, {@code unembed}
     * @param output hook of the module's output
     */
    public record ModuleError(
            String module, HookId output, Double total, Double made, Double inherited, Double cosine) {}

    /** Matrices that share an input. */
    public enum Feeds {
        QKV,
        O,
        /** The three matrices of a short convolution. */
        CONV_IN,
        CONV_OUT,
        /** The matrices of a recurrence that read the layer's input. */
        SSM_IN,
        SSM_OUT,
        /** The MLP's first matrix, and its gate. */
        MLP_IN,
        MLP_OUT,
        UNEMBED
    }

    /**
     * Outliers in the input of some matrices of A, after the norm's weight; see {@link Outliers}.
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
     * @param beginning first characters of the text
     * @param tokens of the text, without what the tokenizer adds
     * @param window positions per pass
     * @param stride tokens from one window to the next
     * @param windows number of passes
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
     * Divergence over a corpus: a sweep of both sides, whose merged results are in {@code corpus} of the comparison's folder.
     *
     * @param texts which, as asked
     * @param window most tokens that are read together
     * @param read tokens that each side read, those that windows repeat included
     * @param badLines lines that are no documents
     */
    public record CorpusPart(
            SweepRequest.Texts texts,
            int documents,
            int windows,
            int window,
            long read,
            long badLines,
            CorpusDivergence divergence) {}

    /**
     * Cost of a side. Speeds are medians of runs without captures or interventions, measured alternately with the other
     * side.
     *
     * @param form of the engine that ran: the fused form where there is one, since nothing is captured
     * @param loadMs milliseconds to load the model from its files
     * @param prefillTokens of the prompt
     * @param prefill tokens per second of reading it
     * @param decode tokens per second after it, one by one
     * @param firstToken milliseconds from the prompt to the first sampled token
     * @param between latency of each further token; null where none was generated
     * @param lengths the same after prompts of other lengths, as requested
     * @param joules median energy of the whole GPU per run, prompt and continuation; null on a CPU or where NVML does
     *     not report it
     * @param weightBytes in the engine
     * @param fileBytes of the weights on disk
     * @param kvDtype number format of keys and values
     * @param kvBytesPerToken one entry per layer
     * @param peakProcessBytes peak resident memory of the whole process (both models, the JVM) while this side ran;
     *     null where the system does not report it
     * @param deviceBytes GPU memory in use by all processes after a run, the maximum of this side's runs; close to the
     *     peak, since engines keep their allocations; null on a CPU or where it is not reported
     */
    public record Cost(
            String form,
            double loadMs,
            int prefillTokens,
            Speed prefill,
            Speed decode,
            TimingSummary firstToken,
            Waits between,
            List<AtLength> lengths,
            Double joules,
            long weightBytes,
            long fileBytes,
            String kvDtype,
            List<Long> kvBytesPerToken,
            Long peakProcessBytes,
            Long deviceBytes) {}

    /** Percentiles of the latency per token over all runs, in milliseconds. */
    public record Waits(double p50, double p95, double p99, int tokens) {}

    /** @param tokens of a prompt: the comparison's own, repeated to this length */
    public record AtLength(int tokens, Speed prefill, Speed decode, TimingSummary firstToken, Waits between) {}

    /** Tokens per second: median, slowest and fastest of {@code runs}. */
    public record Speed(double median, double slowest, double fastest, int runs) {}
}
