package org.llminspector.golden;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import org.llminspector.checkpoint.gguf.RawGguf;

/** Keys that llama.cpp's converter writes for models of attention alone, dense and mixtures. */
final class AttentionKeys {

    private static final Set<String> ALL =
            Set.of("arcee", "seed_oss", "hunyuan-dense", "glm4moe", "dots1", "minimax-m2", "ernie4_5-moe");

    private static final int SIGMOID = 2;

    private AttentionKeys() {}

    static boolean has(String arch) {
        return ALL.contains(arch);
    }

    /** All but the sizes that {@link HybridGguf} writes. */
    static void put(JsonNode c, String arch, RawGguf out) {
        String p = arch + ".";
        int heads = c.get("num_attention_heads").asInt();
        int width = c.has("head_dim")
                ? c.get("head_dim").asInt()
                : c.get("hidden_size").asInt() / heads;
        out.put(p + "attention.head_count_kv", c.get("num_key_value_heads").asInt());
        out.put(p + "attention.key_length", width).put(p + "attention.value_length", width);
        JsonNode rope = c.get("rope_parameters");
        out.put(p + "rope.freq_base", (float) rope.get("rope_theta").asDouble());
        double part = rope.path("partial_rotary_factor").asDouble(1);
        out.put(p + "rope.dimension_count", (int) (width * part));
        if (arch.equals("minimax-m2")) {
            experts(p, c, "num_local_experts", "num_experts_per_tok", "intermediate_size", out);
            out.put(p + "expert_gating_func", SIGMOID);
        } else if (arch.equals("ernie4_5-moe")) {
            experts(p, c, "moe_num_experts", "moe_k", "moe_intermediate_size", out);
            int shared = c.get("moe_num_shared_experts").asInt();
            out.put(
                    p + "leading_dense_block_count",
                    c.get("moe_layer_start_index").asInt());
            out.put(p + "interleave_moe_layer_step", c.get("moe_layer_interval").asInt());
            out.put(p + "expert_shared_count", shared);
            int all = shared * c.get("moe_intermediate_size").asInt();
            out.put(p + "expert_shared_feed_forward_length", all);
        } else if (c.has("n_routed_experts")) {
            experts(p, c, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size", out);
            out.put(
                    p + "leading_dense_block_count",
                    c.get("first_k_dense_replace").asInt());
            out.put(p + "expert_shared_count", c.get("n_shared_experts").asInt());
            out.put(p + "expert_weights_scale", (float)
                    c.get("routed_scaling_factor").asDouble());
            out.put(p + "expert_weights_norm", c.get("norm_topk_prob").asBoolean());
            out.put(p + "expert_gating_func", SIGMOID);
        }
    }

    private static void experts(String p, JsonNode c, String count, String active, String width, RawGguf out) {
        out.put(p + "expert_count", c.get(count).asInt());
        out.put(p + "expert_used_count", c.get(active).asInt());
        out.put(p + "expert_feed_forward_length", c.get(width).asInt());
    }
}
