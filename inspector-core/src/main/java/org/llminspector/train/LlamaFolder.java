package org.llminspector.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.HalfFloats;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.torch.learn.ParameterLayout;
import org.llminspector.family.Config;
import org.llminspector.family.Family;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;

/**
 * Writer of a trained model in Hugging Face's Llama layout: config.json, model.safetensors and the tokenizer's files.
 */
final class LlamaFolder {

    static final List<String> TOKENIZER =
            List.of("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "generation_config.json");

    private static final Map<String, String> NAMES = Map.of(
            "embed", "model.embed_tokens",
            "unembed", "lm_head",
            "ln_final", "model.norm",
            "attn", "self_attn.%s_proj",
            "mlp.gate", "mlp.gate_proj",
            "mlp.in", "mlp.up_proj",
            "mlp.out", "mlp.down_proj",
            "ln1", "input_layernorm",
            "ln2", "post_attention_layernorm");

    private LlamaFolder() {}

    /** The decoder spec of a recipe's shape. */
    static DecoderSpec spec(Recipe.Shape s, int vocab) {
        int dHead = s.dModel() / s.nHeads();
        Rope rope = new Rope(dHead, s.ropeTheta(), new Rope.Default());
        Attention attention = Attention.plain(s.nHeads(), s.nKvHeads(), dHead, rope, null, false, false);
        return DecoderSpec.llama(
                "llama", vocab, s.dModel(), s.context(), s.nLayers(), attention, s.dMlp(), s.normEps(), true);
    }

    /**
     * Writes the model. Creates the folder if absent; once written, it can be opened at any moment, also during a
     * rewrite.
     *
     * @param tokenizerFolder has the tokenizer's files; they are copied
     */
    static void write(
            Path folder,
            DecoderSpec spec,
            List<Parameter> parameters,
            Tensor flat,
            DType dtype,
            Integer bosId,
            List<Integer> eosIds,
            Path tokenizerFolder,
            Map<String, String> metadata) {
        try {
            Files.createDirectories(folder);
            for (String file : TOKENIZER) {
                Path from = tokenizerFolder.resolve(file);
                if (Files.exists(from)
                        && !from.toAbsolutePath().equals(folder.resolve(file).toAbsolutePath())) {
                    Files.copy(from, folder.resolve(file), StandardCopyOption.REPLACE_EXISTING);
                }
            }
        } catch (IOException e) {
            throw Writes.failed("the model cannot be written", folder, e);
        }
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        for (Parameter p : parameters) tensors.put(name(p.name()), rounded(p.of(flat), dtype));
        SafetensorsWriter.write(folder.resolve("model.safetensors"), tensors, metadata);
        Path config = folder.resolve("config.json"); // last: without it the folder does not count as a model
        try {
            Writes.replace(config, config(spec, dtype, bosId, eosIds));
        } catch (IOException e) {
            throw Writes.failed("the model cannot be written", config, e);
        }
    }

    static String config(DecoderSpec s, DType dtype, Integer bosId, List<Integer> eosIds) {
        return json(s, dtype, bosId, eosIds).toPrettyString() + "\n";
    }

    private static ObjectNode json(DecoderSpec s, DType dtype, Integer bosId, List<Integer> eosIds) {
        Attention a = s.layers().get(0).attention();
        ObjectNode json = Json.mapper().createObjectNode();
        json.putArray("architectures").add("LlamaForCausalLM");
        json.put("model_type", "llama");
        json.put("vocab_size", s.vocab());
        json.put("hidden_size", s.dModel());
        json.put("intermediate_size", s.layers().get(0).mlp().dMlp());
        json.put("num_hidden_layers", s.nLayers());
        json.put("num_attention_heads", a.nHeads());
        json.put("num_key_value_heads", a.nKvHeads());
        json.put("head_dim", a.dHead());
        json.put("hidden_act", "silu");
        Rope.Scaling scaling = a.rope().scaling();
        // With dynamic scaling max_position_embeddings is the extended length.
        json.put(
                "max_position_embeddings",
                scaling instanceof Rope.Dynamic dynamic ? dynamic.maxContext() : s.maxContext());
        json.put("rms_norm_eps", s.finalNorm().eps());
        json.put("rope_theta", a.rope().theta());
        if (!(scaling instanceof Rope.Default)) json.set("rope_scaling", scaling(scaling));
        json.put("attention_bias", false);
        json.put("mlp_bias", false);
        json.put("tie_word_embeddings", s.tied());
        if (bosId != null) json.put("bos_token_id", bosId);
        if (eosIds.size() == 1) json.put("eos_token_id", eosIds.get(0));
        else if (!eosIds.isEmpty()) eosIds.forEach(json.withArray("eos_token_id")::add);
        json.put("torch_dtype", torchName(dtype));
        return json;
    }

    static String torchName(DType dtype) {
        return switch (dtype) {
            case F16 -> "float16";
            case BF16 -> "bfloat16";
            default -> "float32";
        };
    }

    /** Whether a model of this spec, written here, opens with the same arithmetic. */
    static boolean fits(DecoderSpec s) {
        if (!ParameterLayout.isLlama(s)) return false;
        Config config = new Config(json(s, DType.F32, null, List.of()), Path.of("config.json"));
        DecoderSpec read = Family.of(config).spec(config);
        return read.layers().equals(s.layers())
                && read.maxContext() == s.maxContext()
                && read.tied() == s.tied()
                && read.finalNorm().equals(s.finalNorm());
    }

    /** Config {@code rope_scaling} in transformers' spelling. */
    private static ObjectNode scaling(Rope.Scaling scaling) {
        ObjectNode json = Json.mapper().createObjectNode();
        if (scaling instanceof Rope.Proportional part) {
            json.put("rope_type", "proportional")
                    .put("partial_rotary_factor", part.share())
                    .put("factor", part.factor());
        } else if (scaling instanceof Rope.Linear linear) {
            json.put("rope_type", "linear").put("factor", linear.factor());
        } else if (scaling instanceof Rope.Dynamic dynamic) {
            json.put("rope_type", "dynamic").put("factor", dynamic.factor());
        } else if (scaling instanceof Rope.Llama3 llama3) {
            json.put("rope_type", "llama3")
                    .put("factor", llama3.factor())
                    .put("low_freq_factor", llama3.lowFreqFactor())
                    .put("high_freq_factor", llama3.highFreqFactor())
                    .put("original_max_position_embeddings", llama3.originalContext());
        } else if (scaling instanceof Rope.Yarn yarn) {
            json.put("rope_type", "yarn")
                    .put("factor", yarn.factor())
                    .put("original_max_position_embeddings", yarn.originalContext())
                    .put("beta_fast", yarn.betaFast())
                    .put("beta_slow", yarn.betaSlow())
                    .put("attention_factor", yarn.attentionFactor())
                    .put("truncate", yarn.truncate());
        } else if (scaling instanceof Rope.LongRope longRope) {
            json.put("rope_type", "longrope")
                    .put("original_max_position_embeddings", longRope.originalContext())
                    .put("attention_factor", longRope.attentionFactor());
            longRope.shortFactor().forEach(json.withArray("short_factor")::add);
            longRope.longFactor().forEach(json.withArray("long_factor")::add);
        } else {
            throw new IllegalStateException("no spelling for " + scaling);
        }
        return json;
    }

    /** Maps {@code blocks.3.attn.q.weight} to {@code model.layers.3.self_attn.q_proj.weight}. */
    static String name(String canonical) {
        String[] parts = canonical.replaceFirst("\\.weight$", "").split("\\.", 3);
        if (!parts[0].equals("blocks")) return NAMES.get(parts[0]) + ".weight";
        String inside = parts[2].startsWith("attn.")
                ? String.format(Locale.ROOT, NAMES.get("attn"), parts[2].substring("attn.".length()))
                : NAMES.get(parts[2]);
        return "model.layers." + parts[1] + "." + inside + ".weight";
    }

    private static Tensor rounded(Tensor t, DType dtype) {
        if (dtype == DType.F32) return t;
        float[] values = t.toFloats();
        ByteBuffer out = ByteBuffer.allocate(values.length * 2).order(ByteOrder.LITTLE_ENDIAN);
        for (float v : values) out.putShort(dtype == DType.F16 ? HalfFloats.toF16(v) : HalfFloats.toBf16(v));
        return Tensor.of(dtype, out.flip(), t.shape());
    }
}
