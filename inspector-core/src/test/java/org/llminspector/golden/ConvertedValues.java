package org.llminspector.golden;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.Set;
import java.util.function.IntUnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufTensor;

/** ConvertedValues has a golden's weights as llama.cpp's converter writes them, by the names under which a GGUF file is opened. */
final class ConvertedValues {

    private static final Pattern EXPERT = Pattern.compile("(.*)experts\\.(\\d+)\\.(gate|up|down)_proj\\.weight");
    private static final Pattern LATENT = Pattern.compile("(.*)([kv])_b_proj\\.weight");

    /** With rows i and i + half of each head of q and k side by side. */
    private static final Set<String> PAIRED =
            Set.of("arcee", "granitemoe", "granitemoeshared", "granitemoehybrid", "bamba", "ministral3", "nemotron_h");

    private final JsonNode c;
    private final String type;
    private final Map<String, Tensor> golden;

    ConvertedValues(JsonNode config, Map<String, Tensor> golden) {
        this.c = config;
        this.type = config.get("model_type").asText();
        this.golden = golden;
    }

    private int size(String field) {
        return c.get(field).asInt();
    }

    private static int rows(Tensor t) {
        return (int) t.shape()[0];
    }

    private static int width(Tensor t) {
        return (int) (t.size() / t.shape()[0]);
    }

    /** Rows that are taken, in the file's order. */
    private static float[] moved(Tensor t, int rows, IntUnaryOperator ofGolden) {
        int width = width(t);
        float[] from = t.toFloats();
        float[] to = new float[rows * width];
        for (int r = 0; r < rows; r++) System.arraycopy(from, ofGolden.applyAsInt(r) * width, to, r * width, width);
        return to;
    }

    private static float[] some(Tensor t, int from, int to) {
        return moved(t, to - from, r -> from + r);
    }

    float[] inFile(String name) {
        Tensor t = golden.get(name);
        if (t == null) return other(name);
        if (name.endsWith("A_log")) {
            float[] rates = t.toFloats();
            for (int i = 0; i < rates.length; i++) rates[i] = (float) -Math.exp(rates[i]);
            return tiled(name, Tensor.of(rates, t.shape()));
        }
        boolean plusOne = type.startsWith("qwen3_") && name.endsWith("norm.weight") && !name.contains("linear_attn");
        if (plusOne) return plusOne(t.toFloats());
        if (PAIRED.contains(type) && name.matches(".*\\.[qk]_proj\\.(weight|bias)")) return pairs(name, t);
        if (type.equals("falcon_h1")) return multiplied(name, t);
        return type.startsWith("qwen3_5") ? tiled(name, t) : t.toFloats();
    }

    private static float[] plusOne(float[] values) {
        for (int i = 0; i < values.length; i++) values[i] += 1;
        return values;
    }

    private float[] pairs(String name, Tensor t) {
        int each = rows(t) / size(name.contains("q_proj") ? "num_attention_heads" : "num_key_value_heads");
        return moved(t, rows(t), r -> r - r % each + r % each / 2 + r % 2 * (each / 2));
    }

    /** Of tensors with value heads: their first of each key head, then their second. */
    private float[] tiled(String name, Tensor t) {
        boolean keyed = type.startsWith("qwen3_5") && name.contains("linear_attn.") && !name.endsWith("norm.weight");
        if (!keyed) return t.toFloats();
        int keyHeads = size("linear_num_key_heads");
        int heads = size("linear_num_value_heads");
        int keys = name.contains("qkv") || name.contains("conv1d") ? 2 * keyHeads * size("linear_key_head_dim") : 0;
        boolean columns = name.endsWith("out_proj.weight");
        int values = columns ? width(t) : rows(t) - keys;
        int each = values / heads;
        IntUnaryOperator ofGolden = i -> {
            if (i < keys) return i;
            int head = (i - keys) / each;
            return keys + (head % keyHeads * (heads / keyHeads) + head / keyHeads) * each + (i - keys) % each;
        };
        if (!columns) return moved(t, rows(t), ofGolden);
        float[] from = t.toFloats();
        float[] to = new float[from.length];
        for (int i = 0; i < to.length; i++) to[i] = from[i - i % values + ofGolden.applyAsInt(i % values)];
        return to;
    }

    /** Weights that the golden has under other names, or together in one tensor. */
    private float[] other(String name) {
        Matcher expert = EXPERT.matcher(name);
        if (expert.matches()) return expert(expert.group(1), Integer.parseInt(expert.group(2)), expert.group(3));
        Matcher latent = LATENT.matcher(name);
        if (latent.matches()) return latent(latent.group(1), latent.group(2).equals("k"));
        if (name.contains("shared_expert.")) {
            String mlp = name.substring(0, name.indexOf("mlp."));
            if (name.contains("down_proj"))
                return golden.get(mlp + "shared_mlp.output_linear.weight").toFloats();
            Tensor both = golden.get(mlp + "shared_mlp.input_linear.weight");
            int half = rows(both) / 2;
            return name.contains("gate_proj") ? some(both, 0, half) : some(both, half, 2 * half);
        }
        if (name.contains("in_proj_qkv.") || name.contains("in_proj_z."))
            return apart(golden.get(name.replaceAll("in_proj_.*", "in_proj_qkvz.weight")), name.contains("qkv"));
        String[][] renamed = {
            {"mlp.gate.weight", "block_sparse_moe.router.layer.weight"},
            {"mlp.e_score_correction_bias", "mlp.moe_statics.e_score_correction_bias"},
            {"mlp.gate_proj", "block_sparse_moe.gate_proj"},
            {"mlp.up_proj", "block_sparse_moe.up_proj"},
            {"mlp.down_proj", "block_sparse_moe.down_proj"},
        };
        for (String[] pair : renamed) {
            Tensor t = golden.get(name.replace(pair[0], pair[1]));
            if (t != null) return t.toFloats();
        }
        throw new IllegalStateException("the golden of " + type + " has no " + name);
    }

    /** Granite's experts in tensors of all, or Llama 4's, which are transposed. */
    private float[] expert(String prefix, int expert, String part) {
        boolean down = part.equals("down");
        boolean second = part.equals("up");
        String granite =
                prefix.replace("mlp.", "block_sparse_moe.") + (down ? "output_linear.weight" : "input_linear.weight");
        Tensor all = golden.get(granite);
        if (all == null)
            return columns(
                    golden.get(prefix + "experts." + (down ? "down_proj" : "gate_up_proj")), expert, down, second);
        int rows = (int) all.shape()[1];
        Tensor matrix = all.reshaped(all.shape()[0] * rows, all.shape()[2]);
        int half = down ? rows : rows / 2;
        int from = expert * rows + (second ? half : 0);
        return some(matrix, from, from + half);
    }

    private static float[] columns(Tensor all, int expert, boolean down, boolean second) {
        int in = (int) all.shape()[1];
        int wide = (int) all.shape()[2];
        int out = down ? wide : wide / 2;
        float[] from = all.toFloats();
        float[] to = new float[in * out];
        for (int o = 0; o < out; o++)
            for (int i = 0; i < in; i++) to[o * in + i] = from[(expert * in + i) * wide + o + (second ? out : 0)];
        return to;
    }

    /** Of each head the rows of its key, transposed, or those of its value. */
    private float[] latent(String prefix, boolean key) {
        Tensor both = golden.get(prefix + "kv_b_proj.weight");
        int own = size("qk_nope_head_dim");
        int value = size("v_head_dim");
        int heads = size("num_attention_heads");
        int each = key ? own : value;
        float[] rows = moved(both, heads * each, r -> r / each * (own + value) + (key ? 0 : own) + r % each);
        if (!key) return rows;
        int width = width(both);
        float[] turned = new float[rows.length];
        for (int h = 0; h < heads; h++)
            for (int r = 0; r < own; r++)
                for (int i = 0; i < width; i++) turned[(h * width + i) * own + r] = rows[(h * own + r) * width + i];
        return turned;
    }

    /** q, k, v and gate of each key head become those of all: q, k and v, or the gate. */
    private float[] apart(Tensor together, boolean qkv) {
        int heads = size("linear_num_key_heads");
        int key = size("linear_key_head_dim");
        int value = size("linear_value_head_dim") * size("linear_num_value_heads") / heads;
        int all = 2 * key + 2 * value;
        if (!qkv) return moved(together, heads * value, r -> r / value * all + 2 * key + value + r % value);
        return moved(together, heads * (2 * key + value), r -> {
            int part = Math.min(r / (heads * key), 2);
            int within = r - part * heads * key;
            int each = part == 2 ? value : key;
            return within / each * all + part * key + within % each;
        });
    }

    /** Gemma 4's: 1 for the pairs that turn in layers of the whole context, 1e30 for the others. */
    void divisors(ByteBuffer data, GgufTensor t) {
        double part =
                c.at("/rope_parameters/full_attention/partial_rotary_factor").asDouble();
        int turning = (int) (2 * t.elements() * part / 2);
        for (int i = 0; i < t.elements(); i++) data.putFloat((int) t.offset() + 4 * i, i < turning ? 1 : 1e30f);
    }

    private static float[] times(Tensor t, double factor) {
        float[] values = t.toFloats();
        for (int i = 0; i < values.length; i++) values[i] = (float) (values[i] * factor);
        return values;
    }

    private double factor(String field) {
        return c.get(field).asDouble();
    }

    /** Falcon-H1's factors are in the weights. */
    private float[] multiplied(String name, Tensor t) {
        double in = factor("attention_in_multiplier");
        if (name.endsWith("down_proj.weight"))
            return times(t, c.get("mlp_multipliers").get(1).asDouble());
        if (name.endsWith("gate_proj.weight"))
            return times(t, c.get("mlp_multipliers").get(0).asDouble());
        if (name.endsWith("k_proj.weight")) return times(t, factor("key_multiplier") * in);
        if (name.endsWith("q_proj.weight") || name.endsWith("v_proj.weight")) return times(t, in);
        if (name.endsWith("o_proj.weight")) return times(t, factor("attention_out_multiplier"));
        if (name.endsWith("out_proj.weight")) return times(t, factor("ssm_out_multiplier"));
        if (name.equals("lm_head.weight")) return times(t, factor("lm_head_multiplier"));
        if (name.endsWith("embed_tokens.weight")) return times(t, factor("embedding_multiplier"));
        if (!name.endsWith("in_proj.weight")) return t.toFloats();
        int inner = size("mamba_d_ssm");
        int keys = size("mamba_n_groups") * size("mamba_d_state");
        int[] ends = {inner, 2 * inner, 2 * inner + keys, 2 * inner + 2 * keys, Integer.MAX_VALUE};
        float[] all = times(t, factor("ssm_in_multiplier"));
        for (int i = 0; i < all.length; i++) {
            int of = 0;
            while (i / width(t) >= ends[of]) of++;
            all[i] *= (float) c.get("ssm_multipliers").get(of).asDouble();
        }
        return all;
    }
}
