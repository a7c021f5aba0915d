package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** StableLM: Llama with LayerNorm, RoPE on a part of each head, biases on q, k and v where use_qkv_bias says so. */
final class StableLm implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("stablelm");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("partial_rotary_factor", 0.25).whenAbsent("max_position_embeddings", 4096);
        if (c.flag("qk_layernorm", false))
            throw c.wrong("qk_layernorm", "false: norms of single heads are not read", true);
        LlamaShape shape = new LlamaShape(c)
                .layerNorms("layer_norm_eps")
                .partialRotary()
                .parallel(c.flag("use_parallel_residual", false));
        c.ignore("hidden_dropout");
        return (c.flag("use_qkv_bias", false) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
