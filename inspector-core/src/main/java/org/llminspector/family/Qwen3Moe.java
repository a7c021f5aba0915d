package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.Set;
import java.util.function.IntPredicate;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * Qwen3 MoE: Qwen3 with a mixture of experts in the layers that are not listed as dense; its window applies to every
 * layer.
 */
final class Qwen3Moe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen3_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("max_position_embeddings", 32768).whenAbsent("sliding_window", 4096);
        if (c.has("num_local_experts")) c.spelled("num_experts", "num_local_experts");
        c.ignore("max_window_layers"); // not read by the reference
        Experts experts = new Experts(
                c.size("num_experts", 128), c.size("num_experts_per_tok", 8), c.flag("norm_topk_prob", false));
        return new LlamaShape(c)
                .attentionBias()
                .qkNorm(false)
                .window(window(c))
                .experts(experts, c.size("moe_intermediate_size", 768), sparse(c))
                .spec();
    }

    /** The window, if enabled. */
    static Integer window(Config c) {
        c.ignore("sliding_window");
        return c.flag("use_sliding_window", false) ? c.sizeOrNull("sliding_window") : null;
    }

    /** Every decoder_sparse_step-th layer except mlp_only_layers. */
    static IntPredicate sparse(Config c) {
        int step = c.size("decoder_sparse_step", 1);
        JsonNode named = c.node("mlp_only_layers");
        Set<Integer> dense = new HashSet<>();
        if (named != null) {
            for (JsonNode layer : named) {
                if (!layer.isInt()) throw c.wrong("mlp_only_layers", "numbers of layers", layer);
                dense.add(layer.asInt());
            }
        }
        return layer -> (layer + 1) % step == 0 && !dense.contains(layer);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
