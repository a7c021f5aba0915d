package org.llminspector.family;

import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Model family: models that share a config.json format and tensor names. A new one is one file and one line in ALL. */
public interface Family {

    /** Every supported family. */
    List<Family> ALL = List.of(
            new Gpt2(),
            new Llama(),
            new Mistral(),
            new Qwen2(),
            new Qwen3(),
            new Gemma2(),
            new Gemma3(),
            new Gemma3n(),
            new Gemma4(),
            new Phi3(),
            new GptNeoX(),
            new Olmo2(),
            new SmolLm3(),
            new Phi(),
            new GptJ(),
            new Cohere(),
            new Gemma(),
            new Olmo3(),
            new Exaone4(),
            new Glm4(),
            new Ernie45(),
            new Nemotron(),
            new StableLm(),
            new StarCoder2(),
            new GptNeo(),
            new GptBigCode(),
            new Opt(),
            new Falcon(),
            new Granite(),
            new Olmo(),
            new Bloom(),
            new Mpt(),
            new Mixtral(),
            new Qwen2Moe(),
            new Qwen3Moe(),
            new Olmoe(),
            new GraniteMoe(),
            new DeepSeek2(),
            new DeepSeek3(),
            new Apertus(),
            new GptOss(),
            new PureMamba(),
            new PureMamba2(),
            new Bamba(),
            new GraniteMoeHybrid(),
            new FalconH1(),
            new NemotronH(),
            new Jamba(),
            new OlmoHybrid(),
            new KimiLinear(),
            new Qwen3Next(),
            new RecurrentGemma(),
            new MiniMax(),
            new Lfm2(),
            new Glm(),
            new Arcee(),
            new Helium(),
            new SeedOss(),
            new FlexOlmo(),
            new GraniteMoeShared(),
            new VaultGemma(),
            new Persimmon(),
            new MiniMaxM2(),
            new Ernie45Moe(),
            new Glm4Moe(),
            new Glm4MoeLite(),
            new Dots1(),
            new ExaoneMoe(),
            new HunYuanDense(),
            new HunYuanMoe(),
            new NanoChat(),
            new Ministral3(),
            new PhiMoe(),
            new Lfm2Moe(),
            new Afmoe(),
            new MiMoV2Flash(),
            new Llama4());

    /** The values of config.json's {@code model_type} that belong to this family. */
    Set<String> modelTypes();

    /** Reads the arithmetic; every field that decides it must be taken from the config. */
    DecoderSpec spec(Config config);

    /** Maps each canonical weight of {@link Weights} to its source in the files. */
    WeightPlan weights(DecoderSpec spec, Checkpoint checkpoint);

    /** The family that config.json names. */
    static Family of(Config config) {
        String type = config.text("model_type");
        return ALL.stream()
                .filter(f -> f.modelTypes().contains(type))
                .findFirst()
                .orElseThrow(() -> Problem.unsupported("this model family is not supported")
                        .where(config.at("model_type"))
                        .expected("one of " + supported())
                        .found(type));
    }

    /** The canonical weights and the spec of a checkpoint; refuses configs that are not fully understood. */
    static Weights open(Checkpoint checkpoint) {
        Config config = new Config(checkpoint.config(), checkpoint.configFile())
                .layersAtMost(checkpoint.tensors().size());
        Family family = of(config);
        DecoderSpec spec = family.spec(config);
        config.refuseWhatWasNotUnderstood();
        SizeCheck.check(spec, checkpoint);
        WeightPlan plan = family.weights(spec, checkpoint);
        plan.check(checkpoint);
        return new Weights(spec, checkpoint, plan);
    }

    /** Whether the config's family is supported. */
    static boolean knows(Checkpoint checkpoint) {
        String type = checkpoint.config().path("model_type").asText();
        return ALL.stream().anyMatch(f -> f.modelTypes().contains(type));
    }

    /** The spec of an exported graph's config; the graph defines the arithmetic, the spec its names. */
    static DecoderSpec exported(Checkpoint checkpoint) {
        Config config = new Config(checkpoint.config(), checkpoint.configFile())
                .layersAtMost(checkpoint.onnx().orElseThrow().nodes().size());
        DecoderSpec spec = of(config).spec(config);
        SizeCheck.check(spec, checkpoint);
        return spec;
    }

    /** All supported values of model_type, in a sentence. */
    static String supported() {
        return ALL.stream()
                .flatMap(f -> f.modelTypes().stream())
                .sorted(Comparator.naturalOrder())
                .collect(Collectors.joining(", "));
    }
}
