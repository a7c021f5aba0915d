package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llminspector.run.Requests.greedy;
import static org.llminspector.run.Requests.prompt;
import static org.llminspector.run.Requests.says;
import static org.llminspector.run.Requests.tokens;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;

/** Everything a person can get wrong in a run's request is a Problem that helps, and nothing is kept of it. */
class RefusalsTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 2L << 20);
    }

    @Test
    void everyMistakeIsAProblemThatHelps() {
        refused(RunRequest.builder().build(), Problem.Kind.INVALID, "exactly one of them");
        refused(tokens(1, 320).build(), Problem.Kind.INVALID, "0 to 319");
        refused(tokens(1, -1).build(), Problem.Kind.INVALID, "tokens[1]");
        refused(prompt("a ".repeat(400)).build(), Problem.Kind.TOO_LARGE, "at most 256 tokens");
        refused(
                tokens(1).capture(List.of("blocks.0.attn.hook_patern")).build(),
                Problem.Kind.INVALID,
                "closest: blocks.0.attn.hook_pattern");
        refused(tokens(1).capture(List.of("hook_pos_embed")).build(), Problem.Kind.UNSUPPORTED, "RoPE");
        refused(tokens(1).capture(List.of("blocks.9.hook_mlp_out")).build(), Problem.Kind.INVALID, "4 layers");
        refused(
                tokens(1).capture(List.of("*")).generate(greedy(250)).build(),
                Problem.Kind.TOO_LARGE,
                "at most 2.0 MiB");
        refused(tokens(1).model("nobody").build(), Problem.Kind.NOT_FOUND, "tiny-text");
        refused(prompt("text").model("llama").build(), Problem.Kind.UNSUPPORTED, "token ids");
        refused(tokens(1).precision(Precision.BF16).build(), Problem.Kind.UNSUPPORTED, "fp32 or fp16");
        refused(tokens(1).device("cuda:7").build(), Problem.Kind.UNSUPPORTED, "cuda:7");
        refused(tokens(1).engine("onnx").device("cuda:0").build(), Problem.Kind.UNSUPPORTED, "cuda:0");
        refused(tokens(1).engine("warp").build(), Problem.Kind.UNSUPPORTED, "torch or onnx");
        refused(
                tokens(1)
                        .interventions(List.of(new Intervention(
                                "logits", Intervention.Op.ZERO, List.of(1), null, null, null, null, null, null)))
                        .build(),
                Problem.Kind.INVALID,
                "[batch, pos, vocab]");
        refused(
                tokens(1)
                        .interventions(List.of(new Intervention(
                                "blocks.0.hook_mlp_out",
                                Intervention.Op.SCALE,
                                null,
                                null,
                                null,
                                null,
                                null,
                                null,
                                null)))
                        .build(),
                Problem.Kind.INVALID,
                "interventions[0].value");
        assertThat(inspector.runs().stored().list(10, null)).isEmpty();
    }

    @Test
    void aMaskThatLeavesNothingToReadIsRefused() {
        refused(masked("blocks.0.attn.hook_pattern", null, List.of(0)), Problem.Kind.UNSUPPORTED, "hook_attn_scores");
        refused(masked("blocks.1.attn.hook_attn_scores", null, List.of(0)), Problem.Kind.INVALID, "head 0, query 0");
        refused(masked("blocks.1.attn.hook_attn_scores", List.of(2), null), Problem.Kind.INVALID, "query 2");
        refused(masked("*.hook_attn_scores", List.of(2, 3), List.of(2, 1, 0)), Problem.Kind.INVALID, "blocks.0");
        Intervention half = mask("blocks.1.attn.hook_attn_scores", List.of(1), List.of(0));
        Intervention rest = mask("blocks.*.attn.hook_attn_scores", List.of(1), List.of(1));
        refused(tokens(1, 2, 3, 4).interventions(List.of(half, rest)).build(), Problem.Kind.INVALID, "blocks.1");
        inspector.runs().run(masked("*.hook_attn_scores", List.of(1, 2, 3), List.of(0)), RunListener.NONE);
        assertThat(inspector.runs().stored().list(10, null)).hasSize(1);
    }

    @Test
    void aDirectionThatIsNoneIsRefused() {
        String stream = "blocks.0.hook_resid_post";
        List<Double> some = new ArrayList<>(Collections.nCopies(64, 1.0));
        refused(along(stream, null, some), Problem.Kind.INVALID, "interventions[0].value");
        refused(along(stream, 0.0, null), Problem.Kind.INVALID, "interventions[0].values");
        refused(along(stream, Double.NaN, some), Problem.Kind.INVALID, "float32");
        refused(along(stream, 1e39, some), Problem.Kind.INVALID, "float32");
        refused(along(stream, 0.0, Collections.nCopies(64, 0.0)), Problem.Kind.INVALID, "64 zeros");
        refused(along(stream, 0.0, List.of()), Problem.Kind.INVALID, "0 zeros");
        refused(along(stream, 0.0, some.subList(0, 63)), Problem.Kind.INVALID, "64 finite numbers");
        for (Double wrong : new Double[] {null, Double.NaN, Double.POSITIVE_INFINITY, 1e39}) {
            some.set(5, wrong);
            refused(along(stream, 0.0, some), Problem.Kind.INVALID, "64 finite numbers");
        }
        some.set(5, 0.0);
        for (String hook : List.of("blocks.0.attn.hook_pattern", "blocks.1.attn.hook_attn_scores", "*.hook_scale")) {
            refused(along(hook, 0.0, some), Problem.Kind.UNSUPPORTED, "no vectors");
        }
        refused(
                tokens(1)
                        .interventions(List.of(InterventionBuilder.builder()
                                .hook(stream)
                                .op(Intervention.Op.CAP_ALONG)
                                .value(1.0)
                                .values(some)
                                .from(new Intervention.From("run", null))
                                .build()))
                        .build(),
                Problem.Kind.INVALID,
                "no from");
    }

    private static RunRequest along(String hook, Double value, List<Double> values) {
        return tokens(1, 2, 3, 4)
                .interventions(List.of(InterventionBuilder.builder()
                        .hook(hook)
                        .op(Intervention.Op.SCALE_ALONG)
                        .value(value)
                        .values(values)
                        .build()))
                .build();
    }

    private static RunRequest masked(String hook, List<Integer> positions, List<Integer> keys) {
        return tokens(1, 2, 3, 4)
                .interventions(List.of(mask(hook, positions, keys)))
                .build();
    }

    private static Intervention mask(String hook, List<Integer> positions, List<Integer> keys) {
        return new Intervention(hook, Intervention.Op.MASK, null, positions, keys, null, null, null, null);
    }

    @Test
    void aConversationThatCannotBeWrittenIsRefused() {
        refused(says("Hello").model("gpt2").build(), Problem.Kind.UNSUPPORTED, "no chat template");
        refused(says().build(), Problem.Kind.INVALID, "the conversation is empty");
        refused(says("Hello").prompt("Hello").build(), Problem.Kind.INVALID, "prompt and messages");
        refused(says((String) null).build(), Problem.Kind.INVALID, "messages[0].content");
    }

    @Test
    void aPlanThatContradictsItsEngineOrItselfIsRefused() {
        PrecisionPlan plan = new PrecisionPlan(
                Precision.INT8, null, List.of(new PrecisionPlan.Part("unembed", Precision.FP16, null)));
        RunRequestBuilder request = tokens(5, 6, 7, 8).precisionPlan(plan);
        refused(request.engine("torch").build(), Problem.Kind.UNSUPPORTED, "onnx");
        refused(request.engine("onnx").precision(Precision.FP16).build(), Problem.Kind.INVALID, "fp16 and int8");
        refused(tokens(1).precision(Precision.INT8).build(), Problem.Kind.UNSUPPORTED, "use the onnx");
    }

    @Test
    void weightsThatCannotBeSimulatedAreRefused() {
        RunRequestBuilder request = tokens(5, 6, 7, 8).precisionPlan(PrecisionPlan.simulated("int3"));
        refused(request.engine("onnx").build(), Problem.Kind.UNSUPPORTED, "engine torch");
        refused(simulated(Precision.FP16, "*", "int3"), Problem.Kind.UNSUPPORTED, "fp32");
        refused(simulated(Precision.FP32, "*", "int9"), Problem.Kind.INVALID, "int8");
        refused(simulated(Precision.FP32, "blocks.77.*", "int3"), Problem.Kind.INVALID, "simulate[0].modules");
        refused(simulated(Precision.FP32, null, "int3"), Problem.Kind.INVALID, "modules and scheme");
    }

    private static RunRequest simulated(Precision precision, String modules, String scheme) {
        List<PrecisionPlan.Simulated> simulate = List.of(new PrecisionPlan.Simulated(modules, scheme));
        return tokens(5, 6, 7, 8)
                .engine("torch")
                .precisionPlan(new PrecisionPlan(precision, null, null, null, simulate))
                .build();
    }

    @Test
    void aCacheThatContradictsItsPlanIsRefused() {
        KvFormats codes = new KvFormats(KvFormat.INT8, null);
        PrecisionPlan plan = PrecisionPlan.of(Precision.FP32).withKvFormats(KvFormats.FP16);
        refused(tokens(1).precisionPlan(plan).kvCache(codes).build(), Problem.Kind.INVALID, "int8 and fp16");
    }

    private void refused(RunRequest request, Problem.Kind kind, String words) {
        assertThatThrownBy(() -> inspector.runs().run(request, RunListener.NONE))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(kind))
                .hasMessageContaining(words);
    }
}
