package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Learner;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.tokenize.BpeFile;
import org.llminspector.tokenize.BpeTrainer;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Dialogues;
import org.llminspector.train.corpus.Exchange;
import org.llminspector.train.corpus.Preference;

/** A tuned model of any family is a folder of that family, with the weights that were trained. */
class BaseFolderTest {

    private static final String TEMPLATE =
            "{% for m in messages %}{{ bos_token + m['content'] + eos_token }}{% endfor %}{% if add_generation_prompt %}{{ bos_token }}{% endif %}";

    private static final Dialogues DIALOGUES = new Dialogues() {
        @Override
        public List<Exchange> conversation(Corpus.Split split, long index) {
            return List.of(new Exchange("who has it?", index % 2 == 0 ? "ann." : "bob has."));
        }

        @Override
        public Preference preference(Corpus.Split split, long index) {
            return new Preference("who has it?", "ann.", "bob.");
        }
    };

    private static final Trainer.Sources SOURCES = new Trainer.Sources((split, index) -> "ann has a ball.", DIALOGUES);

    @TempDir
    Path temp;

    /** A golden with a tokenizer of a token per character, which fits any vocabulary. */
    private Path base(Path golden) throws IOException {
        Path base = Files.createDirectory(temp.resolve("base"));
        try (Stream<Path> files = Files.list(golden)) {
            for (Path file : files.toList()) {
                if (!file.getFileName().toString().startsWith("golden"))
                    Files.copy(file, base.resolve(file.getFileName()));
            }
        }
        List<String> pieces = new ArrayList<>(List.of("<s>", "</s>", "Ġ"));
        "abcdefghijklmnopqrstuvwxyz.?".chars().forEach(c -> pieces.add(String.valueOf((char) c)));
        BpeFile.write(
                new BpeTrainer.Vocabulary(List.of("<s>", "</s>"), pieces, List.of()),
                new BpeFile.Settings("<s>", "</s>", TEMPLATE, 64),
                base);
        Files.writeString(base.resolve("merges.txt"), "");
        return base;
    }

    private Path run(String name, Path base) throws IOException {
        Path run = Files.createDirectory(temp.resolve(name));
        for (String file : List.of("tokenizer.json", "tokenizer_config.json"))
            Files.copy(base.resolve(file), run.resolve(file));
        return run;
    }

    private static Recipe recipe(Recipe.Task task, Path base, DType dtype) {
        return RecipeBuilder.builder()
                .name("tuned")
                .task(task)
                .base(base.toString())
                .corpus("chat")
                .batch(2)
                .steps(2)
                .learningRate(1e-2)
                .warmupSteps(0)
                .validationSequences(2)
                .saveEvery(1)
                .checkpointSteps(List.of(1))
                .rehearsal(1)
                .dtype(dtype)
                .build();
    }

    private static void run(Trainer trainer, int steps) {
        try (trainer) {
            trainer.run(new Trainer.Listener() {
                private int made;

                @Override
                public void progress(Trainer.Progress progress) {}

                @Override
                public boolean stop() {
                    return ++made == steps;
                }
            });
        }
    }

    private static float[] weights(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            return learner.weights().toFloats();
        }
    }

    private static float[] state(Path run) {
        try (SafetensorsFile state = SafetensorsFile.open(TrainingState.file(run))) {
            return state.tensor("weights").toFloats();
        }
    }

    /** GPT-2's transposed and fused matrices, Gemma's norms less 1, one norm for attention and MLP, GLM-4's fused rows. */
    @ParameterizedTest
    @ValueSource(strings = {"hf/gpt2", "hf/gemma3", "families/gptj", "families/glm4"})
    void aTunedModelOpensWithTheTrainedWeightsAndResumes(String name) throws IOException {
        Path golden = Golden.ROOT.resolveSibling(name);
        Path base = base(golden);
        Recipe recipe = recipe(Recipe.Task.INSTRUCT, base, DType.F32);
        Path whole = run("whole", base);
        run(Trainer.begin(recipe, SOURCES, whole, "cpu"), 0);
        float[] trained = state(whole);
        assertThat(trained).isNotEqualTo(weights(base));
        double off = name.contains("gemma") ? 0x1p-24 : 0; // a norm's factor below 1/2 is rounded where 1 is taken off
        assertThat(Golden.maxAbsDiff(weights(whole), trained)).isLessThanOrEqualTo(off);
        try (Checkpoint then = Checkpoint.open(base);
                Checkpoint now = Checkpoint.open(whole)) {
            assertThat(Family.open(now).spec()).isEqualTo(Family.open(then).spec());
            assertThat(now.tensors().keySet()).isEqualTo(then.tensors().keySet());
            assertThat(now.config()).isEqualTo(then.config());
        }
        for (String file : List.of("merges.txt", "tokenizer.json", "generation_config.json")) {
            if (Files.exists(base.resolve(file)))
                assertThat(whole.resolve(file)).hasSameBinaryContentAs(base.resolve(file));
        }

        Path parts = run("parts", base);
        run(Trainer.begin(recipe, SOURCES, parts, "cpu"), 1);
        Path kept = Trainer.checkpointFolder(parts, 1);
        assertThat(Golden.maxAbsDiff(weights(kept), state(parts))).isLessThanOrEqualTo(off);
        run(Trainer.resume(parts, SOURCES, "cpu"), 0);
        for (String file : List.of("model.safetensors", "config.json"))
            assertThat(parts.resolve(file)).hasSameBinaryContentAs(whole.resolve(file));
    }

    @Test
    void preferencesOfAShardedBaseInHalfPrecision() throws IOException {
        Path base = base(Golden.ROOT.resolve("qwen3"));
        shard(base);
        Path run = run("run", base);
        run(Trainer.begin(recipe(Recipe.Task.PREFER, base, DType.BF16), SOURCES, run, "cpu"), 0);
        assertThat(run.resolve("model.safetensors.index.json")).doesNotExist();
        try (Checkpoint now = Checkpoint.open(run)) {
            Weights model = Family.open(now);
            assertThat(model.get("blocks.0.attn.q_norm.weight").dtype()).isEqualTo(DType.BF16);
        }
        JsonNode config = Json.readObject(run.resolve("config.json"));
        assertThat(config.path("dtype").asText()).isEqualTo("bfloat16");
        assertThat(config.path("model_type").asText()).isEqualTo("qwen3");
    }

    /** A base in Llama's shape is written as it always was, whatever its family and layout. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "hf/llama",
                "hf/llama_llama3rope",
                "hf/llama_ropelinear",
                "hf/llama_ropeyarn",
                "hf/phi3",
                "prompts/llama_ropedynamic",
                "families/ernie4_5"
            })
    void aBaseInLlamasShapeIsWrittenAsALlama(String name) {
        Path golden = Golden.ROOT.resolveSibling(name);
        assertThat(BaseFolder.open(recipe(Recipe.Task.INSTRUCT, golden, DType.F32), temp))
                .isEmpty();
        assertThat(temp).isEmptyDirectory();
    }

    /** Six copies in float32 at least, of every family's own parameters; a recurrence is refused by name. */
    @ParameterizedTest
    @MethodSource("goldens")
    void theMemoryOfEveryFamilyIsEstimated(Path golden) {
        try (Checkpoint checkpoint = Checkpoint.open(golden)) {
            Recipe recipe = recipe(Recipe.Task.INSTRUCT, golden, DType.F32).checked();
            if (Family.open(checkpoint).spec().layerInputs() != null) {
                assertThatThrownBy(() -> TrainingMemory.bytes(recipe, 0))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("per-layer embeddings");
                return;
            }
            if (Family.open(checkpoint).spec().layers().stream().anyMatch(l -> l.recurrence() != null)) {
                assertThatThrownBy(() -> TrainingMemory.bytes(recipe, 0))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("a recurrence cannot be trained here");
                return;
            }
            long copies = 6L * Float.BYTES * checkpoint.parameters();
            assertThat(TrainingMemory.bytes(recipe, 0)).isBetween(copies, 40 * copies);
        }
    }

    static Stream<Path> goldens() {
        return Stream.concat(Golden.in(Golden.ROOT).stream(), Golden.in(Golden.FAMILIES).stream());
    }

    private static void shard(Path model) throws IOException {
        ObjectNode index = Json.mapper().createObjectNode();
        List<Map<String, Tensor>> shards = List.of(new TreeMap<>(), new TreeMap<>());
        try (Checkpoint whole = Checkpoint.open(model)) {
            for (String name : whole.tensors().keySet()) {
                int shard = shards.get(0).size() > shards.get(1).size() ? 1 : 0;
                shards.get(shard).put(name, whole.get(name));
                index.withObject("/weight_map").put(name, "shard" + shard + ".safetensors");
            }
            for (int i = 0; i < 2; i++)
                SafetensorsWriter.write(model.resolve("shard" + i + ".safetensors"), shards.get(i), Map.of());
        }
        Files.delete(model.resolve("model.safetensors"));
        Files.writeString(model.resolve("model.safetensors.index.json"), index.toString());
    }

    /** Refused before anything is trained or written. */
    @Test
    void aBaseThatCannotBeWrittenBackIsRefusedByName() throws IOException {
        Path base = base(Golden.FAMILIES.resolve("apertus"));
        Path run = run("run", base);
        Recipe recipe = recipe(Recipe.Task.INSTRUCT, base, DType.F32);
        assertThatThrownBy(() -> BaseFolder.check(recipe.checked()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("mlp.act_fn.alpha_p, weight blocks.0.mlp.act.alpha_p");
        assertThatThrownBy(() -> Trainer.begin(recipe, SOURCES, run, "cpu"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("weight blocks.0.mlp.act.alpha_p");
        assertThat(run.resolve("config.json")).doesNotExist();
    }

    @Test
    void aFileOfAnotherFormatIsRefusedWithTheOneToTake() {
        Path gguf = Golden.ROOT.resolveSibling("gguf/arch/gpt2-f32.gguf");
        Path onnx = Golden.ROOT.resolveSibling("onnx/gpt2");
        Map.of(gguf, "a GGUF file", onnx, "an ONNX graph").forEach((base, format) -> assertThatThrownBy(
                        () -> BaseFolder.check(recipe(Recipe.Task.INSTRUCT, base, DType.F32)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(format)
                .hasMessageContaining("safetensors checkpoint"));
    }
}
