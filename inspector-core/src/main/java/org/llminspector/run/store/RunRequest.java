package org.llminspector.run.store;

import java.util.List;
import org.llminspector.base.Built;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.KvFormats;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.generate.GenerateOptions;

/**
 * RunRequest is everything that decides a run. Null means the default that is named here.
 *
 * @param model a slug that GET /models lists (the default model)
 * @param engine {@code torch}, {@code onnx} (torch)
 * @param device {@code auto}, {@code cpu}, {@code cuda:0} (auto)
 * @param precision number format of the weights (fp32)
 * @param precisionPlan another precision for some modules; null: the same for all
 * @param kvCache number formats of the cache's keys and values; null: the engine's own (fp32)
 * @param prompt text; exactly one of prompt, tokens and messages
 * @param tokens ids instead of a text
 * @param messages a conversation, which the model's own chat template writes as a text; unless its last turn is the
 *     assistant's, that text ends where an answer begins
 * @param branch another run to go on from, instead of prompt, tokens and messages; the request that is kept has its tokens too
 * @param addSpecialTokens whether the tokenizer adds BOS and the like to the text (true; false for messages, whose
 *     template writes them)
 * @param capture hook names or globs; nothing is captured unless named
 * @param interventions changes to make while it runs
 * @param generate how to continue; null: the prompt only
 * @param name a label for people
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

    /** Precision, plan and cache as one. */
    public PrecisionPlan plan() {
        return PrecisionPlan.of(precision, precisionPlan, kvCache);
    }

    /** Whether it says what to read. */
    public boolean reads() {
        return prompt != null || tokens != null || messages != null;
    }

    /** A request of defaults, to be filled in. */
    public static RunRequestBuilder builder() {
        return RunRequestBuilder.builder();
    }

    /** A copy, to be changed before it is built. */
    public RunRequestBuilder toBuilder() {
        return RunRequestBuilder.builder(this);
    }

    /** The same request on this model, reading this. */
    public RunRequest withShared(String slug, String text, List<Integer> ids) {
        RunRequestBuilder b = toBuilder().model(slug).prompt(text).tokens(ids);
        return text == null && ids == null ? b.build() : b.messages(null).build();
    }

    /**
     * The request for a pass of an analysis: nothing is captured for keeping and nothing made.
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
