package org.llminspector.family;

import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Family is one line of models that share a config.json and tensor names. A new one is one file and one line in ALL. */
public interface Family {

    /** Every family that can be opened. */
    List<Family> ALL = List.of(
            new Gpt2(),
            new Llama(),
            new Mistral(),
            new Qwen2(),
            new Qwen3(),
            new Gemma2(),
            new Gemma3(),
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
            new Lfm2());

    /** The values of config.json's {@code model_type} that mean this family. */
    Set<String> modelTypes();

    /** Reads the arithmetic; every field that decides it must be taken from the config. */
    DecoderSpec spec(Config config);

    /** Says where in the files each canonical weight of {@link Weights} comes from. */
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

    /** The canonical weights and the spec of a checkpoint, its config read whole and understood. */
    static Weights open(Checkpoint checkpoint) {
        Config config = new Config(checkpoint.config(), checkpoint.configFile())
                .layersAtMost(checkpoint.tensors().size());
        Family family = of(config);
        DecoderSpec spec = family.spec(config);
        config.refuseWhatWasNotUnderstood();
        Sizes.check(spec, checkpoint);
        WeightPlan plan = family.weights(spec, checkpoint);
        plan.check(checkpoint);
        return new Weights(spec, checkpoint, plan);
    }

    /** Whether the config names a family that is known here. */
    static boolean knows(Checkpoint checkpoint) {
        String type = checkpoint.config().path("model_type").asText();
        return ALL.stream().anyMatch(f -> f.modelTypes().contains(type));
    }

    /** The spec that the config gives, of an exported graph: the graph decides the arithmetic, the spec what it is called. */
    static DecoderSpec exported(Checkpoint checkpoint) {
        Config config = new Config(checkpoint.config(), checkpoint.configFile())
                .layersAtMost(checkpoint.onnx().orElseThrow().nodes().size());
        DecoderSpec spec = of(config).spec(config);
        Sizes.check(spec, checkpoint);
        return spec;
    }

    /** Every model_type that can be opened, in a sentence. */
    static String supported() {
        return ALL.stream()
                .flatMap(f -> f.modelTypes().stream())
                .sorted(Comparator.naturalOrder())
                .collect(Collectors.joining(", "));
    }
}
