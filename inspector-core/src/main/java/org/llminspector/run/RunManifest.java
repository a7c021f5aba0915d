package org.llminspector.run;

import java.util.List;
import org.llminspector.base.DType;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.hook.HookId;
import org.llminspector.tokenize.Token;

/**
 * RunManifest is what is known of a finished run but its tensors: manifest.json of its folder.
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
 * @param captures what captures.safetensors holds
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
        Timings timings) {

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
     * @param seed what the random choice started from, null when greedy
     */
    public record Generation(String text, String finishReason, Long seed, List<GeneratedToken> steps) {}

    /** One captured tensor. */
    public record CaptureEntry(HookId hook, DType dtype, List<Long> shape, List<String> axes, long bytes) {}

    /** Where the time went, in milliseconds; decodeTokensPerSecond is null when fewer than two tokens were made. */
    public record Timings(
            double queueMs,
            double openMs,
            double prefillMs,
            double decodeMs,
            double captureMs,
            double totalMs,
            Double decodeTokensPerSecond) {}
}
