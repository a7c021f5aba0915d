package org.llminspector.golden;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.gguf.RawGguf;

/** HybridGguf writes a golden with recurrences or short convolutions as llama.cpp's converter would lay it out, in F32. */
final class HybridGguf {

    private static final Pattern LAYER = Pattern.compile("(?:model|backbone)\\.layers\\.(\\d+)\\.(.*)");
    private static final Pattern EXPERT = Pattern.compile("(.*experts)\\.(\\d+)\\.(.*)\\.weight");

    /** Architectures whose second norm has the name of one after attention. */
    private static final Set<String> POST_NORMED = Set.of("qwen3next", "seed_oss", "glm4moe");

    /** llama.cpp's name by the end of Hugging Face's; the first that fits. */
    private static final String[][] NAMES = {
        {"embed_tokens.weight", "token_embd.weight"},
        {"backbone.embeddings.weight", "token_embd.weight"},
        {"backbone.norm_f.weight", "output_norm.weight"},
        {"model.norm.weight", "output_norm.weight"},
        {"model.final_layernorm.weight", "output_norm.weight"},
        {"model.embedding_norm.weight", "token_embd_norm.weight"},
        {"lm_head.weight", "output.weight"},
        {"input_layernorm.weight", "attn_norm.weight"},
        {"operator_norm.weight", "attn_norm.weight"},
        {"post_attention_layernorm.weight", "ffn_norm.weight"},
        {"pre_ff_layernorm.weight", "ffn_norm.weight"},
        {"ffn_norm.weight", "ffn_norm.weight"},
        {"self_attn.q_proj.weight", "attn_q.weight"},
        {"self_attn.k_proj.weight", "attn_k.weight"},
        {"self_attn.v_proj.weight", "attn_v.weight"},
        {"self_attn.o_proj.weight", "attn_output.weight"},
        {"self_attn.out_proj.weight", "attn_output.weight"},
        {"query_layernorm.weight", "attn_q_norm.weight"},
        {"key_layernorm.weight", "attn_k_norm.weight"},
        {"q_proj.bias", "attn_q.bias"},
        {"k_proj.bias", "attn_k.bias"},
        {"v_proj.bias", "attn_v.bias"},
        {"q_norm.weight", "attn_q_norm.weight"},
        {"k_norm.weight", "attn_k_norm.weight"},
        {"mlp.gate.weight", "ffn_gate_inp.weight"},
        {"shared_expert_gate.weight", "ffn_gate_inp_shexp.weight"},
        {"shared_expert.gate_proj.weight", "ffn_gate_shexp.weight"},
        {"shared_expert.up_proj.weight", "ffn_up_shexp.weight"},
        {"shared_expert.down_proj.weight", "ffn_down_shexp.weight"},
        {"in_proj_ba.weight", "ssm_ba.weight"},
        {"linear_attn.norm.weight", "ssm_norm.weight"},
        {"q_layernorm.weight", "attn_q_norm.weight"},
        {"k_layernorm.weight", "attn_k_norm.weight"},
        {"conv.conv.weight", "shortconv.conv.weight"},
        {"conv.in_proj.weight", "shortconv.in_proj.weight"},
        {"conv.out_proj.weight", "shortconv.out_proj.weight"},
        {"A_log", "ssm_a"},
        {".D", "ssm_d"},
        {"dt_bias", "ssm_dt.bias"},
        {"conv1d.weight", "ssm_conv1d.weight"},
        {"conv1d.bias", "ssm_conv1d.bias"},
        {"x_proj.weight", "ssm_x.weight"},
        {"dt_proj.weight", "ssm_dt.weight"},
        {"dt_proj.bias", "ssm_dt.bias"},
        {"in_proj.weight", "ssm_in.weight"},
        {"out_proj.weight", "ssm_out.weight"},
        {"dt_layernorm.weight", "ssm_dt_norm.weight"},
        {"b_layernorm.weight", "ssm_b_norm.weight"},
        {"c_layernorm.weight", "ssm_c_norm.weight"},
        {"mixer.norm.weight", "ssm_norm.weight"},
        {"mamba.norm.weight", "ssm_norm.weight"},
        {"norm.weight", "attn_norm.weight"},
        {"experts.w1", "ffn_gate_exps.weight"},
        {"experts.w3", "ffn_up_exps.weight"},
        {"experts.w2", "ffn_down_exps.weight"},
        {"experts.gate_proj", "ffn_gate_exps.weight"},
        {"experts.up_proj", "ffn_up_exps.weight"},
        {"experts.down_proj", "ffn_down_exps.weight"},
        {"feed_forward.expert_bias", "exp_probs_b.bias"},
        {"e_score_correction_bias", "exp_probs_b.bias"},
        {"block_sparse_moe.gate.weight", "ffn_gate_inp.weight"},
        {"shared_experts.gate_proj.weight", "ffn_gate_shexp.weight"},
        {"shared_experts.up_proj.weight", "ffn_up_shexp.weight"},
        {"shared_experts.down_proj.weight", "ffn_down_shexp.weight"},
        {"feed_forward.gate.weight", "ffn_gate_inp.weight"},
        {"router.weight", "ffn_gate_inp.weight"},
        {"router.layer.weight", "ffn_gate_inp.weight"},
        {"block_sparse_moe.output_linear.weight", "ffn_down_exps.weight"},
        {"shared_mlp.output_linear.weight", "ffn_down_shexp.weight"},
        {"gate_proj.weight", "ffn_gate.weight"},
        {"up_proj.weight", "ffn_up.weight"},
        {"down_proj.weight", "ffn_down.weight"},
        {"feed_forward.w1.weight", "ffn_gate.weight"},
        {"feed_forward.w3.weight", "ffn_up.weight"},
        {"feed_forward.w2.weight", "ffn_down.weight"},
    };

    /** Values with their shape, outermost axis first. */
    private record Part(float[] values, List<Long> shape) {
        Part shaped(long... axes) {
            List<Long> sizes = new ArrayList<>();
            for (long a : axes) sizes.add(a);
            return new Part(values, sizes);
        }

        /** Rows of the last but one axis, of each of the matrices before it. */
        Part rows(long from, long to) {
            int last = (int) (long) shape.get(shape.size() - 1);
            int all = (int) (long) shape.get(shape.size() - 2);
            int many = values.length / last / all;
            int width = (int) (to - from) * last;
            float[] some = new float[many * width];
            for (int i = 0; i < many; i++)
                System.arraycopy(values, (i * all + (int) from) * last, some, i * width, width);
            List<Long> sizes = new ArrayList<>(shape);
            sizes.set(shape.size() - 2, to - from);
            return new Part(some, sizes);
        }

        Part times(double factor) {
            float[] more = values.clone();
            for (int i = 0; i < more.length; i++) more[i] = (float) (more[i] * factor);
            return new Part(more, shape);
        }
    }

    private final JsonNode c;
    private final String arch;
    private final Map<String, Part> parts = new LinkedHashMap<>();

    private HybridGguf(Path golden, String arch) {
        this.c = Json.readObject(golden.resolve("config.json"));
        this.arch = arch;
        try (SafetensorsFile file = SafetensorsFile.open(golden.resolve("model.safetensors"))) {
            Map<String, TreeMap<Integer, Part>> experts = new TreeMap<>();
            for (String name : file.tensors().keySet()) {
                Tensor t = file.tensor(name);
                Part part = new Part(t.toFloats(), List.of()).shaped(t.shape());
                Matcher m = EXPERT.matcher(name);
                if (m.matches())
                    experts.computeIfAbsent(m.group(1) + "." + m.group(3), n -> new TreeMap<>())
                            .put(Integer.parseInt(m.group(2)), part);
                else put(name, part);
            }
            experts.forEach((name, each) -> put(name, stacked(each)));
        }
    }

    private static Part stacked(Map<Integer, Part> each) {
        int one = each.get(0).values().length;
        float[] all = new float[each.size() * one];
        each.forEach((i, part) -> System.arraycopy(part.values(), 0, all, i * one, one));
        List<Long> shape = new ArrayList<>(List.of((long) each.size()));
        shape.addAll(each.get(0).shape());
        return new Part(all, shape);
    }

    private void put(String name, Part part) {
        Matcher m = LAYER.matcher(name);
        String block = m.matches() ? "blk." + m.group(1) + "." : "";
        if (name.endsWith("input_linear.weight")) { // gate, then up
            String end = name.contains("shared") ? "_shexp.weight" : "_exps.weight";
            long rows = part.shape().get(part.shape().size() - 2);
            parts.put(block + "ffn_gate" + end, part.rows(0, rows / 2));
            parts.put(block + "ffn_up" + end, part.rows(rows / 2, rows));
            return;
        }
        if (name.endsWith("in_proj_qkvz.weight")) {
            qkvz(block, part);
            return;
        }
        for (String[] pair : NAMES) {
            if (!name.endsWith(pair[0])) continue;
            boolean after = POST_NORMED.contains(arch) && pair[1].equals("ffn_norm.weight");
            parts.put(block + (after ? "post_attention_norm.weight" : pair[1]), changed(name, pair[1], part));
            return;
        }
        throw new IllegalStateException("no name for " + name);
    }

    /** q, k, v and gate of each key head become those of all: q, k and v, and the gate. */
    private void qkvz(String block, Part part) {
        int heads = size("linear_num_key_heads");
        long key = size("linear_key_head_dim");
        long value = (long) size("linear_value_head_dim") * size("linear_num_value_heads") / heads;
        long[] ends = {key, 2 * key, 2 * key + value, 2 * key + 2 * value};
        int width = (int) (long) part.shape().get(1);
        float[] all = new float[part.values().length];
        int at = 0;
        for (int p = 0; p < ends.length; p++) {
            for (int head = 0; head < heads; head++) {
                float[] rows = part.rows(head * ends[3] + (p == 0 ? 0 : ends[p - 1]), head * ends[3] + ends[p])
                        .values();
                System.arraycopy(rows, 0, all, at, rows.length);
                at += rows.length;
            }
        }
        Part sorted = new Part(all, part.shape());
        long gate = heads * ends[2];
        parts.put(block + "attn_qkv.weight", sorted.rows(0, gate));
        parts.put(block + "attn_gate.weight", sorted.rows(gate, all.length / width));
    }

    private Part changed(String name, String to, Part part) {
        boolean mamba2 = List.of("mamba2", "falcon-h1", "granitehybrid").contains(arch);
        boolean byHead = part.shape().size() == 1 && mamba2;
        long n = part.shape().get(0);
        if (to.equals("ssm_a")) {
            float[] rates = new float[part.values().length];
            for (int i = 0; i < rates.length; i++) rates[i] = (float) -Math.exp(part.values()[i]);
            Part all = new Part(rates, part.shape());
            return byHead ? all.shaped(n, 1) : all;
        }
        if (to.equals("ssm_d") && byHead) return part.shaped(n, 1);
        if (arch.equals("qwen3next") && to.endsWith("norm.weight") && !to.equals("ssm_norm.weight")) {
            float[] more = part.values().clone();
            for (int i = 0; i < more.length; i++) more[i] += 1;
            return new Part(more, part.shape());
        }
        if (to.equals("ssm_norm.weight") && mamba2) {
            long groups = c.has("n_groups")
                    ? c.get("n_groups").asLong()
                    : c.get("mamba_n_groups").asLong();
            return part.shaped(groups, n / groups);
        }
        if (to.endsWith("conv1d.weight") || to.equals("shortconv.conv.weight"))
            return part.shaped(n, part.shape().get(2));
        if (to.equals("exp_probs_b.bias")) return part.shaped(part.values().length);
        if ((arch.equals("granitehybrid") || arch.equals("arcee")) && to.matches("attn_[qk].weight"))
            return pairs(
                    part,
                    c.get(to.startsWith("attn_q") ? "num_attention_heads" : "num_key_value_heads")
                            .asInt());
        return arch.equals("falcon-h1") ? multiplied(name, part) : part;
    }

    /** Rows i and i + half of each head side by side. */
    private static Part pairs(Part part, int heads) {
        int width = (int) (long) part.shape().get(1);
        int each = (int) (long) part.shape().get(0) / heads;
        float[] moved = new float[part.values().length];
        for (int row = 0; row < heads * each; row++) {
            int i = row % each;
            int to = row - i + (i < each / 2 ? 2 * i : 2 * (i - each / 2) + 1);
            System.arraycopy(part.values(), row * width, moved, to * width, width);
        }
        return new Part(moved, part.shape());
    }

    /** Falcon-H1's factors, which llama.cpp has in the weights. */
    private Part multiplied(String name, Part part) {
        double in = factor("attention_in_multiplier");
        if (name.endsWith("down_proj.weight"))
            return part.times(c.get("mlp_multipliers").get(1).asDouble());
        if (name.endsWith("gate_proj.weight"))
            return part.times(c.get("mlp_multipliers").get(0).asDouble());
        if (name.endsWith("k_proj.weight")) return part.times(factor("key_multiplier") * in);
        if (name.endsWith("q_proj.weight") || name.endsWith("v_proj.weight")) return part.times(in);
        if (name.endsWith("o_proj.weight")) return part.times(factor("attention_out_multiplier"));
        if (name.endsWith("out_proj.weight")) return part.times(factor("ssm_out_multiplier"));
        if (name.equals("lm_head.weight")) return part.times(factor("lm_head_multiplier"));
        if (name.endsWith("embed_tokens.weight")) return part.times(factor("embedding_multiplier"));
        if (!name.endsWith("in_proj.weight")) return part;
        int inner = c.get("mamba_d_ssm").asInt();
        int keys = c.get("mamba_n_groups").asInt() * c.get("mamba_d_state").asInt();
        int[] ends = {inner, 2 * inner, 2 * inner + keys, 2 * inner + 2 * keys, Integer.MAX_VALUE};
        int width = (int) (long) part.shape().get(1);
        float[] all = part.times(factor("ssm_in_multiplier")).values();
        for (int i = 0; i < all.length; i++) {
            int of = 0;
            while (i / width >= ends[of]) of++;
            all[i] *= (float) c.get("ssm_multipliers").get(of).asDouble();
        }
        return new Part(all, part.shape());
    }

    private double factor(String field) {
        return c.get(field).asDouble();
    }

    private int size(String... fields) {
        for (String f : fields) if (c.hasNonNull(f)) return c.get(f).asInt();
        throw new IllegalStateException("no " + fields[0]);
    }

    private boolean alone() {
        return arch.startsWith("mamba");
    }

    private void keys(RawGguf out) {
        String p = arch + ".";
        int layers = size("num_hidden_layers");
        int width = size("hidden_size");
        out.put("general.architecture", arch);
        int predicting = c.path("num_nextn_predict_layers").asInt(0); // blocks after the model's
        out.put(p + "block_count", layers + predicting).put(p + "embedding_length", width);
        if (predicting > 0) {
            out.put(p + "nextn_predict_layers", predicting);
            parts.put("blk." + layers + ".nextn.enorm.weight", new Part(new float[width], List.of((long) width)));
        }
        out.put(p + "context_length", alone() ? 1 << 20 : size("max_position_embeddings"));
        out.put(p + "attention.layer_norm_rms_epsilon", (float) c.get(epsilon()).asDouble());
        out.put(p + "feed_forward_length", alone() ? 0 : size("intermediate_size"));
        out.put(p + "attention.head_count", alone() ? 0 : size("num_attention_heads"));
        if (AttentionKeys.has(arch)) {
            AttentionKeys.put(c, arch, out);
            return;
        }
        if (arch.equals("lfm2moe")) {
            out.put(p + "shortconv.l_cache", size("conv_L_cache"));
            out.put(p + "expert_feed_forward_length", size("moe_intermediate_size"));
            out.put(p + "leading_dense_block_count", size("num_dense_layers"));
            out.put(p + "expert_gating_func", 2);
        } else {
            int inner = c.has("mamba_d_ssm")
                    ? size("mamba_d_ssm")
                    : arch.equals("qwen3next")
                            ? size("linear_value_head_dim") * size("linear_num_value_heads")
                            : size("mamba_expand", "expand") * width;
            out.put(p + "ssm.conv_kernel", size("conv_kernel", "mamba_d_conv", "linear_conv_kernel_dim"));
            out.put(p + "ssm.inner_size", inner);
            out.put(p + "ssm.state_size", size("state_size", "mamba_d_state", "linear_key_head_dim"));
            out.put(
                    p + "ssm.time_step_rank",
                    size("mamba_n_heads", "mamba_dt_rank", "num_heads", "time_step_rank", "linear_num_value_heads"));
            if (!arch.equals("mamba") && !arch.equals("jamba"))
                out.put(p + "ssm.group_count", size("n_groups", "mamba_n_groups", "linear_num_key_heads"));
            if (arch.equals("mamba"))
                out.put(p + "ssm.dt_b_c_rms", c.get("model_type").asText().equals("falcon_mamba"));
        }
        if (alone()) return;
        int[] each = new int[layers];
        for (int i = 0; i < layers; i++)
            if (parts.containsKey("blk." + i + ".attn_k.weight")) each[i] = size("num_key_value_heads");
        boolean same = arch.equals("falcon-h1") || arch.equals("qwen3next");
        out.put(p + "attention.head_count_kv", same ? (Object) size("num_key_value_heads") : each);
        if (!arch.equals("jamba"))
            out.put(p + "rope.freq_base", (float)
                    c.at("/rope_parameters/rope_theta").asDouble());
        if (arch.equals("falcon-h1")) {
            out.put(p + "attention.key_length", size("head_dim")).put(p + "attention.value_length", size("head_dim"));
            return;
        }
        if (arch.equals("qwen3next")) {
            out.put(p + "attention.key_length", size("head_dim")).put(p + "attention.value_length", size("head_dim"));
            out.put(p + "rope.dimension_count", size("head_dim") / 4).put(p + "full_attention_interval", 4);
            out.put(p + "expert_feed_forward_length", size("moe_intermediate_size"));
            out.put(p + "expert_shared_feed_forward_length", size("shared_expert_intermediate_size"));
        }
        out.put(p + "expert_count", size("num_local_experts", "num_experts"));
        out.put(p + "expert_used_count", size("num_experts_per_tok"));
        if (!arch.equals("granitehybrid")) return;
        out.put(p + "expert_shared_feed_forward_length", size("shared_intermediate_size"));
        out.put(p + "rope.dimension_count", width / size("num_attention_heads"));
        out.put(p + "rope.scaling.finetuned", false);
        out.put(p + "attention.scale", (float) factor("attention_multiplier"));
        out.put(p + "embedding_scale", (float) factor("embedding_multiplier"));
        out.put(p + "residual_scale", (float) factor("residual_multiplier"));
        out.put(p + "logit_scale", (float) factor("logits_scaling"));
    }

    private String epsilon() {
        return c.has("layer_norm_epsilon") ? "layer_norm_epsilon" : c.has("norm_eps") ? "norm_eps" : "rms_norm_eps";
    }

    /** Writes the file, and returns it with the golden's reference. */
    static GgufGolden write(Path golden, String arch, Path file) {
        HybridGguf model = new HybridGguf(golden, arch);
        RawGguf out = new RawGguf();
        model.keys(out);
        long bytes = 0;
        for (Map.Entry<String, Part> e : model.parts.entrySet()) {
            List<Long> shape = e.getValue().shape();
            long[] columnsFirst = new long[shape.size()];
            for (int i = 0; i < columnsFirst.length; i++) columnsFirst[i] = shape.get(shape.size() - 1 - i);
            out.tensor(e.getKey(), 0, bytes, columnsFirst);
            bytes += padded(e.getValue());
        }
        ByteBuffer data = ByteBuffer.allocate((int) bytes).order(ByteOrder.LITTLE_ENDIAN);
        for (Part part : model.parts.values()) {
            int end = data.position() + (int) padded(part);
            for (float v : part.values()) data.putFloat(v);
            data.position(end);
        }
        out.data = data.array();
        JsonNode noise = Json.readObject(golden.resolve("noise.json")).path("max_abs_diff");
        return new GgufGolden(out.write(file), golden.resolve("golden.safetensors"), noise);
    }

    private static long padded(Part part) {
        return (4L * part.values().length + 31) / 32 * 32;
    }
}
