package org.llminspector.run.store;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.tokenize.Token;

/**
 * RunManifest is what is known of a finished run but its tensors: manifest.json of its folder, and what later readings
 * of the same tokens added.
 *
 * @param id sorts by time: {@code 20261125-003512-417-a1b2c3}
 * @param created ISO-8601 UTC
 * @param version of the program
 * @param request as it was run, with its defaults filled in
 * @param tokens the prompt's tokens and then the generated ones
 * @param promptLength how many of {@code tokens} are the prompt's
 * @param prompt the text that was tokenized: the prompt, or the messages as the chat template wrote them; null for tokens
 * @param text the prompt and its continuation, decoded
 * @param generation null when nothing was asked for
 * @param captures what captures.safetensors holds, and then what each extension's does
 * @param recaptures later readings of the same tokens, for hooks that the run lacked
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

    /** The run as it was, and what this reading added. */
    RunManifest with(Recapture extension, List<CaptureEntry> added) {
        List<CaptureEntry> allCaptures = new ArrayList<>(captures);
        allCaptures.addAll(added);
        List<Recapture> all = new ArrayList<>(recaptures);
        all.add(extension);
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

    /** The model as it was: enough to draw every figure without opening it. */
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
            int maxContext) {}

    /**
     * The continuation.
     *
     * @param text the continuation alone, cut before a stop string
     * @param finishReason {@code length}, {@code eos}, {@code stop} or {@code cancelled}
     * @param limit what bounded its length, where that ended it: {@code max_new_tokens}, {@code context} or {@code memory}; else null
     * @param seed what the random choice started from, null when greedy
     */
    public record Generation(String text, String finishReason, String limit, Long seed, List<GeneratedToken> steps) {}

    /**
     * One captured tensor.
     *
     * @param positions those it holds, null for all that were read
     * @param extension the number of the later reading that it is from, null for the run itself
     */
    public record CaptureEntry(
            HookId hook,
            DType dtype,
            List<Long> shape,
            List<String> axes,
            long bytes,
            PositionRange positions,
            Integer extension) {

        public static CaptureEntry of(HookId hook, Tensor t, PositionRange positions, Integer extension) {
            return new CaptureEntry(
                    hook,
                    t.dtype(),
                    LongStream.of(t.shape()).boxed().toList(),
                    hook.point().axes().stream().map(Axis::label).toList(),
                    t.byteSize(),
                    positions,
                    extension);
        }
    }

    /**
     * Recapture is one later reading of a run's tokens, for hooks that the run lacked.
     *
     * @param number 1 for the first
     * @param created ISO-8601 UTC
     * @param version of the program that read again
     * @param hooks what it captured
     * @param positions those it kept, null for all
     * @param engine as it read again: the form may be another than the run's
     * @param ms the reading took
     * @param agreement with the run, null when the run kept nothing that could be compared
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
     * Agreement says whether a later reading computed the logits that the run had.
     *
     * @param of {@code logits}: those the run captured; {@code alternatives}: those of each generated token's alternatives
     * @param values how many were compared
     * @param bitEqual whether every one is the same, bit for bit
     * @param maxAbsDifference the largest distance between two of them
     */
    public record Agreement(String of, long values, boolean bitEqual, double maxAbsDifference) {}

    /**
     * Where the time went, in milliseconds; decodeTokensPerSecond is null when fewer than two tokens were made.
     *
     * @param reusedPositions how many of a branch's tokens were not read, because the other run's cache was still there; null
     *     for a run that is no branch
     */
    public record Timings(
            double queueMs,
            double openMs,
            double prefillMs,
            double decodeMs,
            double captureMs,
            double totalMs,
            Double decodeTokensPerSecond,
            Integer reusedPositions) {

        /** Of a run that is no branch. */
        public Timings(
                double queueMs,
                double openMs,
                double prefillMs,
                double decodeMs,
                double captureMs,
                double totalMs,
                Double decodeTokensPerSecond) {
            this(queueMs, openMs, prefillMs, decodeMs, captureMs, totalMs, decodeTokensPerSecond, null);
        }
    }
}
