package org.llminspector.run.request;

import java.util.List;
import org.llminspector.base.Built;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.generate.GenerateOptions;

/**
 * Request for a run: all its inputs and settings. Null means the default named here.
 *
 * @param model a slug that GET /models lists (the default model)
 * @param engine {@code torch}, {@code onnx} (torch)
 * @param device {@code auto}, {@code cpu}, {@code cuda:0} (auto)
 * @param precision number format of the weights (fp32)
 * @param precisionPlan different precisions for some modules; null for the same precision for all
 * @param kvCache number formats of the cache's keys and values; null for the engine's default (fp32)
 * @param prompt text; exactly one of prompt, tokens and messages
 * @param tokens ids instead of a text
 * @param messages a conversation, rendered by the model's chat template; unless the last message is the assistant's,
 *     with the generation prompt at its end
 * @param branch another run to continue from, instead of prompt, tokens and messages; the stored request also has its
 *     tokens
 * @param addSpecialTokens whether the tokenizer adds BOS and the like to the text (true; false for messages, where the
 *     template adds them)
 * @param capture hook names or globs; nothing is captured unless named
 * @param interventions changes to values during the forward pass
 * @param generate how to continue; null for the prompt only
 * @param name label
 */
@Built
public record RunRequest(
        String model,
        String engine,
        String device,
        Precision precision,
        PrecisionPlan precisionPlan,
        KvFormats kvCache,
        String prompt,
        List<Integer> tokens,
        List<Message> messages,
        Branch branch,
        Boolean addSpecialTokens,
        List<String> capture,
        List<Intervention> interventions,
        GenerateOptions generate,
        String name) {

    /** Precision, plan and KV cache formats combined. */
    public PrecisionPlan plan() {
        return PrecisionPlan.of(precision, precisionPlan, kvCache);
    }

    /** Whether it has a prompt, tokens or messages. */
    public boolean reads() {
        return prompt != null || tokens != null || messages != null;
    }

    /** A builder with defaults. */
    public static RunRequestBuilder builder() {
        return RunRequestBuilder.builder();
    }

    /** A builder initialized from this request. */
    public RunRequestBuilder toBuilder() {
        return RunRequestBuilder.builder(this);
    }

    /** The same request with this model and this text or these ids. */
    public RunRequest withShared(String slug, String text, List<Integer> ids) {
        RunRequestBuilder b = toBuilder().model(slug).prompt(text).tokens(ids);
        return text == null && ids == null ? b.build() : b.messages(null).build();
    }

    /**
     * The request for one pass of an analysis: without captures to store and without generation.
     *
     * @param ids read instead of the prompt, or null for the prompt
     */
    public RunRequest asPass(String slug, String onDevice, List<Integer> ids) {
        RunRequest read = ids == null ? this : withShared(slug, null, ids);
        return read.toBuilder()
                .model(slug)
                .device(onDevice)
                .capture(List.of())
                .generate(null)
                .name(null)
                .build();
    }
}
