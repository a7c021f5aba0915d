package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Routing;

/**
 * ERNIE 4.5, mixtures: {@link Ernie45} with experts in some layers, chosen by softmax scores and a bias for the
 * choice only, and shared experts as one wide expert for every token.
 */
final class Ernie45Moe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("ernie4_5_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        if (c.flag("use_bias", false)) throw c.wrong("use_bias", "false: no published mixture has biases", true);
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 4)
                .whenAbsent("rope_theta", 500_000.0)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("tie_word_embeddings", true);
        int count = c.size("moe_num_experts", 64);
        int active = c.size("moe_k", 6);
        // The least sum of the chosen scores that is divided by; a softmax's highest sum to more.
        double least = c.number("moe_norm_min", 1e-12);
        if (least * count > active) throw c.wrong("moe_norm_min", "at most the least sum of the chosen scores", least);
        int width = c.size("moe_intermediate_size", 1536);
        int shared = c.node("moe_num_shared_experts") == null ? 2 : (int) c.number("moe_num_shared_experts");
        Integer dShared = shared == 0 ? null : c.product("moe_num_shared_experts", shared, width);
        Experts experts = new Experts(count, active, true, dShared, false, new Routing(false, true, 1, 1, 1, 1));
        LlamaShape shape = new LlamaShape(c);
        double first = c.number("moe_layer_start_index", 1);
        double end = c.number("moe_layer_end_index", -1);
        double last = end == -1 ? shape.nLayers() - 1.0 : end;
        int interval = c.size("moe_layer_interval", 1);
        return shape.experts(experts, width, i -> (i + 1) % interval == 0 && i >= first && i <= last)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
    }
}
