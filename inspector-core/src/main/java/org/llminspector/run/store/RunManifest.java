package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.run.request.RunRequest;
import org.llminspector.tokenize.Token;

/**
 * Metadata of a finished run without its tensors: manifest.json of its folder, merged with those of its recaptures.
 *
 * @param id sorts by time: {@code 20261125-003512-417-a1b2c3}
 * @param created ISO-8601 UTC
 * @param version of the program
 * @param request as run, with its defaults filled in
 * @param tokens prompt tokens, then generated ones
 * @param promptLength how many of {@code tokens} are the prompt's
 * @param prompt the text that was tokenized: the prompt, or the messages rendered by the chat template; null for tokens
 * @param text the prompt and its continuation, decoded
 * @param generation null when none was requested
 * @param captures contents of captures.safetensors, then those of each recapture
 * @param recaptures recaptures of hooks that the run lacked
 */
public record RunManifest(
        String id,
        String created,
        String version,
        String name,
        RunRequest request,
        ModelIdentity model,
        EngineInfo engine,
        List<Token> tokens,
        int promptLength,
        String prompt,
        String text,
        Generation generation,
        List<CaptureEntry> captures,
        KvCacheReport kvCache,
        Timings timings,
        @JsonInclude(JsonInclude.Include.NON_EMPTY) List<Recapture> recaptures) {

    public RunManifest {
        recaptures = recaptures == null ? List.of() : List.copyOf(recaptures);
    }

    /** The run with a recapture added. */
    RunManifest with(Recapture recapture, List<CaptureEntry> added) {
        List<CaptureEntry> allCaptures = new ArrayList<>(captures);
        allCaptures.addAll(added);
        List<Recapture> all = new ArrayList<>(recaptures);
        all.add(recapture);
        return new RunManifest(
                id,
                created,
                version,
                name,
                request,
                model,
                engine,
                tokens,
                promptLength,
                prompt,
                text,
                generation,
                allCaptures,
                kvCache,
                timings,
                all);
    }

    /** Positions that the model read: the prompt's and those of every generated token but the last. */
    public int positions() {
        int generated = generation == null ? 0 : generation.steps().size();
        return promptLength + Math.max(0, generated - 1);
    }

    /**
     * Identity of the model at the time of the run: enough to draw every figure without opening it.
     *
     * @param mixers by layer, what its positions read others with ({@link org.llminspector.spec.LayerSpec#mixers}); null
     *     where every layer has attention and nothing else
     */
    public record ModelIdentity(
            String slug,
            String family,
            String weightsSha256,
            int nLayers,
            int nHeads,
            int nKvHeads,
            int dHead,
            int dModel,
            int dMlp,
            int vocab,
            int maxContext,
            List<List<String>> mixers) {}

    /**
     * The continuation.
     *
     * @param text the continuation alone, cut before a stop string
     * @param finishReason {@code length}, {@code eos}, {@code stop} or {@code cancelled}
     * @param limit the limit that ended it, where the reason is its length: {@code max_new_tokens}, {@code context} or
     *     {@code memory}; else null
     * @param seed of the sampler, null when greedy
     */
    public record Generation(String text, String finishReason, String limit, Long seed, List<GeneratedToken> steps) {}

    /**
     * One captured tensor.
     *
     * @param positions captured positions, null for all that were read
     * @param recapture number of the recapture it is from, null for the run itself
     */
    public record CaptureEntry(
            HookId hook,
            DType dtype,
            List<Long> shape,
            List<String> axes,
            long bytes,
            PositionRange positions,
            Integer recapture) {

        public static CaptureEntry of(HookId hook, Tensor t, PositionRange positions, Integer recapture) {
            return new CaptureEntry(
                    hook,
                    t.dtype(),
                    LongStream.of(t.shape()).boxed().toList(),
                    hook.point().axes().stream().map(Axis::label).toList(),
                    t.byteSize(),
                    positions,
                    recapture);
        }
    }

    /**
     * One recapture: a replay of a run's tokens for hooks that the run lacked.
     *
     * @param number 1 for the first
     * @param created ISO-8601 UTC
     * @param version of the program at the replay
     * @param hooks captured
     * @param positions stored, null for all
     * @param engine of the replay, whose form may differ from the run's
     * @param ms duration of the replay
     * @param agreement with the run, null when the run stored nothing to compare
     */
    public record Recapture(
            int number,
            String created,
            String version,
            List<HookId> hooks,
            PositionRange positions,
            EngineInfo engine,
            double ms,
            Agreement agreement) {}

    /**
     * Whether a replay computed the same logits as the run.
     *
     * @param of {@code logits}: those the run captured; {@code alternatives}: those of each generated token's
     *     alternatives
     * @param values number of values compared
     * @param bitEqual whether all are bit-identical
     * @param maxAbsDifference largest absolute difference
     */
    public record Agreement(String of, long values, boolean bitEqual, double maxAbsDifference) {}

    /**
     * Durations in milliseconds; decodeTokensPerSecond is null when fewer than two tokens were generated.
     *
     * @param reusedPositions number of a branch's tokens taken from the parent run's KV cache; null for a run that is
     *     no branch
     */
    public record Timings(
            double queueMs,
            double openMs,
            double prefillMs,
            double decodeMs,
            double captureMs,
            double totalMs,
            Double decodeTokensPerSecond,
            Integer reusedPositions) {}
}
