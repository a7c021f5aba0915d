package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Config;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/** A model that was trained on opens again with the arithmetic that it was trained in. */
class LlamaFolderTest {

    @TempDir
    Path folder;

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hf/llama",
                "hf/llama_ropelinear",
                "hf/llama_ropeyarn",
                "hf/llama_llama3rope",
                "prompts/llama_ropedynamic",
                "families/ernie4_5"
            })
    void whatIsWrittenOpensWithTheSameSpec(String model) {
        Path from = Golden.ROOT.resolveSibling(model);
        try (Checkpoint checkpoint = Checkpoint.open(from);
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            LlamaFolder.write(
                    folder,
                    learner.spec(),
                    learner.parameters(),
                    learner.weights(),
                    DType.F32,
                    1,
                    List.of(2),
                    from,
                    Map.of());
            DecoderSpec spec = Family.open(checkpoint).spec();
            try (Checkpoint again = Checkpoint.open(folder)) {
                DecoderSpec now = Family.open(again).spec();
                assertThat(now.layers()).isEqualTo(spec.layers());
                assertThat(now.maxContext()).isEqualTo(spec.maxContext());
                assertThat(now.tied()).isEqualTo(spec.tied());
                assertThat(Family.open(again).get("blocks.0.attn.q.weight").toFloats())
                        .isEqualTo(Family.open(checkpoint)
                                .get("blocks.0.attn.q.weight")
                                .toFloats());
            }
        }
    }

    /** Every scaling that a spec can have, as a round trip. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6})
    void everyScalingIsSpelled(int which) throws Exception {
        Rope.Scaling scaling = List.of(
                        new Rope.Default(),
                        new Rope.Linear(3),
                        new Rope.Dynamic(2, 256),
                        new Rope.Yarn(4, 64, 30, 2, 1.25, false),
                        new Rope.Llama3(8, 1, 4, 64),
                        new Rope.LongRope(List.of(1., 1.1, 1.2, 1.3), List.of(1., 2., 3., 4.), 64, 1.5),
                        new Rope.Proportional(0.5, 2))
                .get(which);
        assertThat(Rope.Scaling.class.getPermittedSubclasses())
                .as("one case each")
                .hasSize(7);
        Norm norm = new Norm(Norm.Kind.RMS, 1e-5);
        Attention attention = Attention.plain(4, 2, 8, new Rope(8, 10_000, scaling), null, false, false);
        LayerSpec layer =
                new LayerSpec(norm, attention, null, norm, new Mlp(48, Activation.SILU, true, false), null, false);
        DecoderSpec spec =
                new DecoderSpec("llama", 99, 32, 512, false, 1, List.of(layer), norm, true, false, null, null);
        Config config = new Config(
                Json.mapper().readTree(LlamaFolder.config(spec, DType.F32, 1, List.of(2))), Path.of("config.json"));
        assertThat(Family.of(config).spec(config)).isEqualTo(spec);
    }
}
