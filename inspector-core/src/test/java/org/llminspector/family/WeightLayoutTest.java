package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;

/** What is written of a model of any family opens as the same model, with exactly the weights that were given. */
class WeightLayoutTest {

    /** Weights that are no values of their files, and the tensors of which they are functions. */
    private static final Map<String, String> REFUSED = Map.ofEntries(
            Map.entry("apertus", "tensor model.layers.0.mlp.act_fn.alpha_p, weight blocks.0.mlp.act.alpha_p"),
            Map.entry(
                    "gpt_oss_mxfp4",
                    "tensor model.layers.0.mlp.experts.gate_up_proj, weight blocks.0.mlp.experts.0.gate.weight"),
            Map.entry("mamba", "tensor backbone.layers.0.mixer.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("falcon_mamba", "tensor backbone.layers.0.mixer.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("mamba2", "tensor backbone.layers.0.mixer.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("nemotron_h", "tensor backbone.layers.0.mixer.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("bamba", "tensor model.layers.0.mamba.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("granitemoehybrid", "tensor model.layers.0.mamba.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("jamba", "tensor model.layers.0.mamba.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("olmo_hybrid", "tensor model.layers.0.linear_attn.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("kimi_linear", "tensor model.layers.0.self_attn.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry(
                    "recurrent_gemma",
                    "tensor model.layers.0.temporal_block.rg_lru.recurrent_param, weight blocks.0.ssm.a.weight"),
            Map.entry("qwen3_next", "tensor model.layers.0.linear_attn.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("qwen3_5", "tensor model.layers.0.linear_attn.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("qwen3_5_moe", "tensor model.layers.0.linear_attn.A_log, weight blocks.0.ssm.a.weight"),
            Map.entry("falcon_h1", "tensor model.layers.0."));

    @TempDir
    Path folder;

    static Stream<Path> goldens() {
        return Stream.concat(Golden.in(Golden.ROOT).stream(), Golden.in(Golden.FAMILIES).stream());
    }

    private static String name(Path golden) {
        return golden.getFileName().toString();
    }

    private static Map<String, Tensor> weights(Weights model) {
        Map<String, Tensor> weights = new HashMap<>();
        for (String name : model.names()) weights.put(name, model.get(name).as(DType.F32));
        return weights;
    }

    private void write(Path base, Map<String, Tensor> tensors) throws IOException {
        Files.copy(base.resolve("config.json"), folder.resolve("config.json"));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, Map.of());
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void whatIsWrittenOpensWithTheSameWeightsAndLogits(Path golden) throws IOException {
        try (Checkpoint base = Checkpoint.open(golden)) {
            Weights model = Family.open(base);
            if (REFUSED.containsKey(name(golden))) {
                assertThatThrownBy(() -> model.layout().check())
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining(REFUSED.get(name(golden)))
                        .hasMessageContaining("another family");
                return;
            }
            model.layout().check();
            Map<String, Tensor> weights = weights(model);
            Map<String, Tensor> tensors = model.layout().tensors(weights::get, DType.F32);
            assertThat(tensors.keySet())
                    .containsExactlyElementsOf(base.tensors().keySet());
            write(golden, tensors);
            try (Checkpoint written = Checkpoint.open(folder)) {
                Weights again = Family.open(written);
                assertThat(again.spec()).isEqualTo(model.spec());
                for (String name : model.names()) {
                    assertThat(again.get(name).toFloats())
                            .as(name)
                            .isEqualTo(weights.get(name).toFloats());
                }
                for (String name : base.tensors().keySet()) { // 1 + a norm's factor was rounded when it was read
                    assertThat(Golden.maxAbsDiff(
                                    written.get(name).toFloats(), base.get(name).toFloats()))
                            .as(name)
                            .isLessThanOrEqualTo(name.contains("norm") ? 0x1p-22 : 0);
                }
                int[] ids = {5, 3, 8, 1, 9, 2, 7};
                assertThat(logits(again, ids)).isEqualTo(logits(model, ids));
            }
        }
    }

    private static float[] logits(Weights model, int[] ids) {
        try (InspectorEngine engine = Kind.TORCH.open(model)) {
            return Golden.logits(engine, ids, ids.length, true);
        }
    }

    /** Every value of every weight becomes another; weights that are one tensor of the files become the same. */
    @ParameterizedTest
    @MethodSource("goldens")
    void everyValueComesBack(Path golden) throws IOException {
        if (REFUSED.containsKey(name(golden))) return;
        try (Checkpoint base = Checkpoint.open(golden)) {
            Weights model = Family.open(base);
            Map<String, Tensor> changed = new HashMap<>();
            int next = 0;
            for (String name : model.names()) {
                float[] values = new float[(int) Tensor.elements(model.shape(name))];
                for (int i = 0; i < values.length; i++) values[i] = 1 + next++ * 0x1p-22f; // distinct, and less 1 exact
                changed.put(name, Tensor.of(values, model.shape(name)));
            }
            model.shared().forEach((name, of) -> changed.put(name, changed.get(of)));
            write(golden, model.layout().tensors(changed::get, DType.F32));
            try (Checkpoint written = Checkpoint.open(folder)) {
                Weights again = Family.open(written);
                for (String name : model.names()) {
                    assertThat(again.get(name).toFloats())
                            .as(name)
                            .isEqualTo(changed.get(name).toFloats());
                }
            }
        }
    }

    @Test
    void whatNoWeightReadsIsCopied() throws IOException {
        Path opt = Golden.FAMILIES.resolve("opt");
        try (Checkpoint base = Checkpoint.open(opt)) {
            Weights model = Family.open(base);
            Tensor zeros = Tensor.of(new float[1 << 20], 1 << 20);
            Map<String, Tensor> tensors = model.layout()
                    .tensors(
                            name -> zeros.rows(0, (int) Tensor.elements(model.shape(name)))
                                    .reshaped(model.shape(name)),
                            DType.F32);
            String positions = model.info("pos_embed.weight").name();
            float[] was = base.get(positions).toFloats();
            float[] is = tensors.get(positions).toFloats();
            int d = model.spec().dModel();
            assertThat(Arrays.copyOf(is, 2 * d))
                    .as("two rows before the first position")
                    .isEqualTo(Arrays.copyOf(was, 2 * d));
            assertThat(Arrays.copyOfRange(is, 2 * d, is.length)).containsOnly(0f);
        }
    }

    /** A buffer stays as it is, and a stored copy of a tied embedding remains a copy. */
    @Test
    void aTiedUnembeddingThatIsStoredStaysTied() throws IOException {
        Path gpt2 = Golden.ROOT.resolve("gpt2");
        Map<String, Tensor> more = new HashMap<>();
        try (Checkpoint base = Checkpoint.open(gpt2)) {
            base.tensors().keySet().forEach(name -> more.put(name, base.get(name)));
            more.put(
                    "lm_head.weight",
                    base.get(Family.open(base).info("embed.weight").name()));
            more.put("h.0.attn.bias", Tensor.of(new float[] {1, 2, 3}, 3));
            write(gpt2, more);
        }
        try (Checkpoint base = Checkpoint.open(folder)) {
            Weights model = Family.open(base);
            Map<String, Tensor> weights = weights(model);
            float[] embedding = weights.get("embed.weight").toFloats();
            embedding[3] = 17;
            weights.put("embed.weight", Tensor.of(embedding, model.shape("embed.weight")));
            Map<String, Tensor> tensors = model.layout().tensors(weights::get, DType.BF16);
            float[] rounded = embedding.clone();
            for (int i = 0; i < rounded.length; i++) rounded[i] = HalfFloats.fromBf16(HalfFloats.toBf16(rounded[i]));
            assertThat(tensors.get(model.info("embed.weight").name()).toFloats())
                    .isEqualTo(rounded);
            assertThat(tensors.get("lm_head.weight").toFloats()).isEqualTo(rounded);
            assertThat(tensors.get("h.0.attn.bias").dtype()).isEqualTo(DType.F32);
            assertThat(tensors.get("h.0.attn.bias").toFloats()).containsExactly(1, 2, 3);
        }
    }

    /** Functions that a probe of indices alone would take for an order: a factor, a product with itself. */
    @ParameterizedTest
    @ValueSource(floats = {0.5f, 2, 3, -1})
    void aFactorIsNoOrder(float factor) {
        try (Checkpoint base = Checkpoint.open(Golden.ROOT.resolve("gpt2"))) {
            Weights model = Family.open(base);
            String tensor = model.info("ln_final.weight").name();
            WeightPlan plan = new WeightPlan()
                    .put("half", WeightPlan.Source.of(tensor, 64).rows(0, 8).changed(t -> {
                        float[] values = t.toFloats();
                        for (int i = 0; i < values.length; i++) values[i] *= factor;
                        return Tensor.of(values, values.length);
                    }));
            assertThatThrownBy(() -> new WeightLayout(new Weights(model.spec(), base, plan), base, plan).check())
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("tensor " + tensor + ", weight half")
                    .hasMessageContaining("another function");
        }
    }

    @Test
    void twoWeightsCannotBeOneValue() {
        try (Checkpoint base = Checkpoint.open(Golden.ROOT.resolve("gpt2"))) {
            Weights model = Family.open(base);
            String tensor = model.info("ln_final.weight").name();
            WeightPlan plan = new WeightPlan()
                    .put("first", WeightPlan.Source.of(tensor, 64).rows(0, 8))
                    .put("second", WeightPlan.Source.of(tensor, 64).rows(7, 64));
            assertThatThrownBy(() -> new WeightLayout(new Weights(model.spec(), base, plan), base, plan).check())
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("weight second")
                    .hasMessageContaining("another weight");
        }
    }

    @Test
    void attentionAndMlpOfAParallelBlockShareTheirNorm() {
        for (String name : List.of("phi", "gptj", "cohere")) {
            try (Checkpoint base = Checkpoint.open(Golden.FAMILIES.resolve(name))) {
                assertThat(Family.open(base).shared())
                        .as(name)
                        .containsEntry("blocks.0.ln2.weight", "blocks.0.ln1.weight");
            }
        }
        try (Checkpoint base = Checkpoint.open(Golden.ROOT.resolve("gpt_neox"))) {
            assertThat(Family.open(base).shared()).isEmpty();
        }
    }
}
