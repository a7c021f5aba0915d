package org.llminspector.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Parameter;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;

/**
 * Writer of a tuned model in the layout of its base, of any family: the base's config.json and tokenizer, and its
 * tensors with the trained weights in one model.safetensors.
 */
public final class BaseFolder implements AutoCloseable {

    private static final List<String> TOKENIZER = List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "vocab.json",
            "merges.txt",
            "vocab.txt",
            "tokenizer.model",
            "spiece.model",
            "chat_template.json",
            "chat_template.jinja");

    private static final String GENERATION = "generation_config.json";
    private static final List<String> OTHERS = List.of(GENERATION, "processor_config.json", "preprocessor_config.json");

    private final Checkpoint checkpoint;
    private final Weights model;
    private final JsonNode config;
    private final Path folder;

    private BaseFolder(Checkpoint checkpoint, Weights model, Path folder) {
        this.checkpoint = checkpoint;
        this.model = model;
        this.config = checkpoint.config();
        this.folder = folder;
    }

    /**
     * The writer for a recipe, with the base's small files copied into the run's folder, as far as it has no tokenizer
     * of its own; empty for a new model and for a base in Llama's shape, which {@link LlamaFolder} writes.
     *
     * @throws Problem UNSUPPORTED where a base of this format or with these weights cannot be written back
     */
    static Optional<BaseFolder> open(Recipe recipe, Path folder) {
        if (recipe.base() == null) return Optional.empty();
        Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()));
        try {
            Optional<Weights> model = checked(checkpoint);
            if (model.isEmpty()) checkpoint.close();
            else copy(checkpoint, folder);
            return model.map(m -> new BaseFolder(checkpoint, m, folder));
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    /**
     * Refuses a recipe whose trained model could not be written in its base's layout.
     *
     * @throws Problem UNSUPPORTED, with the format, or the names of the tensor and the weight
     */
    public static void check(Recipe recipe) {
        if (recipe.base() == null) return;
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
            checked(checkpoint);
        }
    }

    /** Refuses a recipe with a base in a format that is not written: a GGUF file, an ONNX graph. */
    public static void checkFormat(Recipe recipe) {
        if (recipe.base() == null) return;
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
            model(checkpoint);
        }
    }

    private static Optional<Weights> checked(Checkpoint checkpoint) {
        Optional<Weights> model = model(checkpoint);
        model.ifPresent(m -> m.layout().check());
        return model;
    }

    /** The base's weights; empty in Llama's shape. */
    private static Optional<Weights> model(Checkpoint checkpoint) {
        if (checkpoint.onnx().isPresent()) throw refused(checkpoint, "an ONNX graph");
        Weights model = Family.open(checkpoint);
        if (LlamaFolder.fits(model.spec())) return Optional.empty();
        if (checkpoint.gguf().isPresent()) throw refused(checkpoint, "a GGUF file");
        return Optional.of(model);
    }

    private static Problem refused(Checkpoint checkpoint, String format) {
        return Problem.unsupported("a model cannot be trained from this format: it could not be written in it again")
                .where("recipe.base, " + checkpoint.files().get(0).path())
                .expected("a folder with config.json and .safetensors files")
                .found(format)
                .instead("train from the safetensors checkpoint that the file was made from");
    }

    private static void copy(Checkpoint base, Path folder) {
        try {
            Path own = folder.resolve(TOKENIZER.get(0));
            Optional<Path> tokenizer = base.file(TOKENIZER.get(0));
            boolean same = !Files.exists(own) || (tokenizer.isPresent() && Files.mismatch(own, tokenizer.get()) < 0);
            for (String file : OTHERS) copy(base, file, folder);
            if (same) for (String file : TOKENIZER) copy(base, file, folder);
            JsonNode eos = base.config().path("eos_token_id");
            if (Files.exists(folder.resolve(GENERATION)) || eos.isMissingNode() || eos.isNull()) return;
            // The tokenizer's ids are the same before config.json is written and after.
            ObjectNode ids = Json.mapper().createObjectNode().set("eos_token_id", eos);
            Writes.replace(folder.resolve(GENERATION), ids.toPrettyString() + "\n");
        } catch (IOException e) {
            throw Writes.failed("the base's files cannot be copied", folder, e);
        }
    }

    private static void copy(Checkpoint base, String name, Path folder) throws IOException {
        Optional<Path> file = base.file(name);
        if (file.isPresent() && !Files.exists(folder.resolve(name))) Files.copy(file.get(), folder.resolve(name));
    }

    /**
     * Writes the model. Creates the folder if absent; once written, it can be opened at any moment, also during a
     * rewrite.
     *
     * @param parameters of the learner, whose weights are {@code flat}
     * @param dtype of the tensors that are trained
     */
    void write(Path to, List<Parameter> parameters, Tensor flat, DType dtype, Map<String, String> metadata) {
        Map<String, Parameter> byName = new HashMap<>();
        parameters.forEach(p -> byName.put(p.name(), p));
        Map<String, Tensor> tensors =
                model.layout().tensors(name -> byName.get(name).of(flat), dtype);
        try {
            Files.createDirectories(to);
            for (List<String> files : List.of(TOKENIZER, OTHERS)) {
                for (String file : files) {
                    Path from = folder.resolve(file);
                    if (Files.exists(from) && !to.toAbsolutePath().equals(folder.toAbsolutePath()))
                        Files.copy(from, to.resolve(file), StandardCopyOption.REPLACE_EXISTING);
                }
            }
            SafetensorsWriter.write(to.resolve("model.safetensors"), tensors, metadata);
            // Last: without it the folder does not count as a model.
            Writes.replace(to.resolve("config.json"), config(config, dtype));
        } catch (IOException e) {
            throw Writes.failed("the model cannot be written", to, e);
        }
    }

    /** The base's config.json with another number format, which a multimodal model's text_config repeats. */
    private static String config(JsonNode base, DType dtype) {
        ObjectNode config = base.deepCopy();
        config.remove("quantization_config"); // a base that is read in plain numbers is written in them
        String name = LlamaFolder.torchName(dtype);
        for (String field : List.of("dtype", "torch_dtype")) {
            if (config.path("text_config").has(field)) ((ObjectNode) config.get("text_config")).put(field, name);
            if (config.has(field)) config.put(field, name);
        }
        if (!config.has("dtype")) config.put("torch_dtype", name);
        return config.toPrettyString() + "\n";
    }

    @Override
    public void close() {
        checkpoint.close();
    }
}
