package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.spec.Activation;

/**
 * A config.json that tracks which fields were read, so that a field which changes the arithmetic and was not understood
 * refuses to load instead of giving wrong numbers.
 */
public final class Config {

    /** Fields without influence on the forward pass: names, training, tokens, serving. */
    private static final Set<String> HARMLESS = Set.of(
            "_from_model_config",
            "_name_or_path",
            "_attn_implementation_autoset",
            "architectures",
            "auto_map",
            "bos_token_id",
            "cache_implementation",
            "chunk_size_feed_forward",
            "dtype",
            "eos_token_id",
            "finetuning_task",
            "id2label",
            "initializer_range",
            "is_decoder",
            "is_llama_config",
            "label2id",
            "layer_norm_epsilon_legacy",
            "mlp_dropout",
            "model_type",
            "n_ctx",
            "output_attentions",
            "output_hidden_states",
            "output_router_logits",
            "pad_token_id",
            "pretraining_tp",
            "problem_type",
            "return_dict",
            "return_dict_in_generate",
            "router_aux_loss_coef",
            "router_jitter_noise",
            "sep_token_id",
            "summary_activation",
            "summary_first_dropout",
            "summary_proj_to_labels",
            "summary_type",
            "summary_use_proj",
            "task_specific_params",
            "tokenizer_class",
            "torch_dtype",
            "transformers.js_config",
            "transformers_version",
            "unsloth_fixed",
            "unsloth_version",
            "use_cache",
            "vocab_size");

    private final JsonNode json;
    private final Path file;
    private final String path;
    private final Set<String> read = new HashSet<>();
    private final Map<String, JsonNode> defaults = new HashMap<>();
    private final Map<String, String> spellings = new HashMap<>();
    private final Map<String, Config> inner = new LinkedHashMap<>();
    private int mostLayers = 1 << 14;

    public Config(JsonNode json, Path file) {
        this(json, file, "");
    }

    private Config(JsonNode json, Path file, String path) {
        this.json = json;
        this.file = file;
        this.path = path;
    }

    /** The reference's default where the field is absent, the first that is given; an explicit null stays null. */
    Config whenAbsent(String field, Object value) {
        defaults.putIfAbsent(field, Json.mapper().valueToTree(value));
        return this;
    }

    /** This family's name for a field; the usual name is then ignored, as in the reference. */
    Config spelled(String field, String own) {
        spellings.put(field, own);
        return this;
    }

    /** A nested object, empty when absent or null; its fields too must all be understood. */
    Config inside(String field) {
        JsonNode node = node(field);
        if (node != null && !node.isObject()) throw wrong(field, "an object", node);
        return inner.computeIfAbsent(
                field, f -> new Config(node == null ? MissingNode.getInstance() : node, file, path + f + "."));
    }

    /** The field's location, for messages. */
    public String at(String field) {
        return file + ", field " + path + spellings.getOrDefault(field, field);
    }

    /** Whether the field is there and not null. */
    boolean has(String field) {
        return json.hasNonNull(field);
    }

    /** The field, or null when it is absent or null. */
    public JsonNode node(String field) {
        String name = spellings.getOrDefault(field, field);
        read.add(field);
        read.add(name);
        JsonNode node = json.has(name) ? json.get(name) : defaults.get(name);
        return node == null || node.isNull() ? null : node;
    }

    public String text(String field) {
        JsonNode node = node(field);
        if (node == null || !node.isTextual()) throw wrong(field, "a text", node);
        return node.asText();
    }

    /** A text, or {@code whenAbsent} when the field is absent or null. */
    String textOr(String field, String whenAbsent) {
        return node(field) == null ? whenAbsent : text(field);
    }

    /** A size: a whole number from 1 to 2^31 - 1. */
    public int size(String field) {
        JsonNode node = node(field);
        if (node == null || !node.canConvertToInt() || !node.isIntegralNumber() || node.asInt() < 1) {
            throw wrong(field, "a whole number of at least 1", node);
        }
        return node.asInt();
    }

    public int size(String field, int whenAbsent) {
        return node(field) == null ? whenAbsent : size(field);
    }

    /** {@code size} times {@code by}, refused on overflow. */
    int product(String field, long size, long by) {
        if (size <= Integer.MAX_VALUE / by) return (int) (size * by);
        throw wrong(field, "a size that is less than 2^31 when multiplied by " + by, size);
    }

    /** {@code size} plus {@code more}, refused on overflow. */
    int sum(String field, long size, long more) {
        if (size + more <= Integer.MAX_VALUE) return (int) (size + more);
        throw wrong(field, "a size that is less than 2^31 with " + more + " more", size);
    }

    /** Sets the limit of layers: each has tensors, or operations, of its own in the files. */
    Config layersAtMost(int most) {
        mostLayers = most;
        return this;
    }

    /** The number of layers, limited by the files, as each becomes an entry of the spec. */
    public int layers(String field) {
        int layers = size(field);
        if (layers <= mostLayers) return layers;
        throw wrong(field, "at most " + mostLayers + " layers, for the files hold no more", layers)
                .instead("config.json and the weights are of different models: download the model again");
    }

    /** A size, or null. */
    Integer sizeOrNull(String field) {
        return node(field) == null ? null : size(field);
    }

    /** A number within float32, in which models compute. */
    public double number(String field) {
        JsonNode node = node(field);
        if (node == null || !node.isNumber()) throw wrong(field, "a number", node);
        return finite(field, node.asDouble());
    }

    public double number(String field, double whenAbsent) {
        return node(field) == null ? whenAbsent : number(field);
    }

    /** A number above 0, still above 0 in float32. */
    public double positive(String field) {
        double number = number(field);
        if ((float) number <= 0) throw wrong(field, "a number above 0", number);
        return number;
    }

    public double positive(String field, double whenAbsent) {
        return node(field) == null ? whenAbsent : positive(field);
    }

    /** A number above 0, or null. */
    Float positiveOrNull(String field) {
        return node(field) == null ? null : (float) positive(field);
    }

    /** A norm's epsilon: at least 0. */
    public double epsilon(String field, double whenAbsent) {
        double number = number(field, whenAbsent);
        if (number < 0) throw wrong(field, "a number of at least 0", number);
        return number + 0.0; // -0 is 0
    }

    /** A value computed from a field, refused beyond float32. */
    double finite(String field, double number) {
        if (Float.isFinite((float) number)) return number;
        throw wrong(field, "a number within float32: at most 3.4e38", number);
    }

    public boolean flag(String field, boolean whenAbsent) {
        JsonNode node = node(field);
        if (node == null) return whenAbsent;
        if (!node.isBoolean()) throw wrong(field, "true or false", node);
        return node.asBoolean();
    }

    /** A list with one value per layer, or null. */
    List<JsonNode> perLayer(String field, int nLayers) {
        JsonNode node = node(field);
        if (node == null) return null;
        if (!node.isArray() || node.size() != nLayers) throw wrong(field, "a list of " + nLayers + " values", node);
        List<JsonNode> values = new ArrayList<>();
        node.forEach(values::add);
        return values;
    }

    /** A list of layers by their indices; none when the field is absent. */
    Set<Integer> layers(String field, int nLayers) {
        Set<Integer> layers = new HashSet<>();
        JsonNode node = node(field);
        if (node == null) return layers;
        for (JsonNode layer : node) {
            boolean one = layer.isIntegralNumber() && layer.canConvertToInt() && layer.asInt() >= 0;
            if (!one || layer.asInt() >= nLayers) throw wrong(field, "indices of the " + nLayers + " layers", node);
            layers.add(layer.asInt());
        }
        return layers;
    }

    public Activation activation(String field, String whenAbsent) {
        JsonNode node = node(field);
        return switch (node == null ? whenAbsent : node.asText()) {
            case "silu", "swish" -> Activation.SILU;
            case "gelu", "gelu_python" -> Activation.GELU;
            case "gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_fast", "gelu_accurate" ->
                Activation.GELU_TANH;
            case "quick_gelu" -> Activation.GELU_QUICK;
            case "relu" -> Activation.RELU;
            case "relu2" -> Activation.RELU_SQUARED;
            default ->
                throw Problem.unsupported("this activation function is not supported")
                        .where(at(field))
                        .expected("silu, gelu, gelu_new, gelu_pytorch_tanh, quick_gelu, relu or relu2")
                        .found(node);
        };
    }

    /** Marks fields as understood that have no effect at inference, such as dropout. */
    void ignore(String... fields) {
        for (String f : fields) read.add(f);
    }

    Problem wrong(String field, String expected, Object found) {
        return Problem.invalid("the config field is missing or wrong")
                .where(at(field))
                .expected(expected)
                .found(found == null ? "nothing" : found);
    }

    /** Weights quantized by another tool: FP8, AWQ, GPTQ, bitsandbytes. */
    private Problem packed(JsonNode how) {
        return Problem.unsupported("the checkpoint's weights are packed in a way that is not read")
                .where(at("quantization_config"))
                .expected("weights as plain numbers (float32, float16, bfloat16)")
                .found(how.path("quant_method").asText("no quant_method"))
                .instead(
                        "take the model as it was before that, which can be quantized here (int8, int4_32 and others), or as a"
                                + " GGUF file");
    }

    /** Throws for the first field that was neither read nor is harmless, absent, null or false. */
    void refuseWhatWasNotUnderstood() {
        json.properties().forEach(e -> {
            JsonNode value = e.getValue();
            boolean off = value.isNull() || (value.isBoolean() && !value.asBoolean());
            if (off || read.contains(e.getKey()) || HARMLESS.contains(e.getKey())) return;
            if (e.getKey().equals("quantization_config")) throw packed(value);
            throw Problem.unsupported("the config has a field that may change the arithmetic and is not understood")
                    .where(at(e.getKey()))
                    .expected("fields of " + json.path("model_type").asText() + ": "
                            + String.join(", ", read.stream().sorted().toList()))
                    .found(e.getKey() + " = " + value)
                    .instead("remove the field if you are sure that it does not change the forward pass");
        });
        inner.values().forEach(Config::refuseWhatWasNotUnderstood);
    }
}
