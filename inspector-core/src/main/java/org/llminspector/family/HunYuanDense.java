package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Hunyuan, dense: RMSNorm of q and k per head, after RoPE. */
final class HunYuanDense implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("hunyuan_v1_dense");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return shape(c).mlpBias().spec();
    }

    /** What the mixtures share. */
    static LlamaShape shape(Config c) {
        c.ignore("eod_token_id");
        c.whenAbsent("rms_norm_eps", 1e-5);
        return new LlamaShape(c).attentionBias().qkNorm(false).attention((layer, a) -> a.qkNormRotated(true));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".self_attn.";
            int d = s.layers().get(i).attention().dHead();
            plan.rmsNorm("blocks." + i + ".attn.q_norm", from + "query_layernorm", d)
                    .rmsNorm("blocks." + i + ".attn.k_norm", from + "key_layernorm", d);
        }
        return plan;
    }
}
