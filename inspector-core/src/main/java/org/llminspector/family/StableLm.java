package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * StableLM: Llama with LayerNorm, RoPE on a part of each head, biases on q, k and v if use_qkv_bias, and norms of q and
 * k with a tensor per head if qk_layernorm.
 */
final class StableLm implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("stablelm");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("partial_rotary_factor", 0.25).whenAbsent("max_position_embeddings", 4096);
        LlamaShape shape = new LlamaShape(c)
                .layerNorms("layer_norm_eps")
                .qkNormByHead("qk_layernorm")
                .partialRotary()
                .parallel(c.flag("use_parallel_residual", false));
        c.ignore("hidden_dropout");
        return (c.flag("use_qkv_bias", false) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        String root = LlamaShape.root(checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            Attention a = s.layers().get(i).attention();
            if (!a.qkNormByHead()) continue;
            String from = root + "layers." + i + ".self_attn.";
            String to = "blocks." + i + ".attn.";
            plan.put(to + "q_norm.weight", Source.stacked(from + "q_layernorm.norms.{i}.weight", a.nHeads(), a.dHead()))
                    .put(
                            to + "k_norm.weight",
                            Source.stacked(from + "k_layernorm.norms.{i}.weight", a.nKvHeads(), a.dHead()));
        }
        return plan;
    }
}
