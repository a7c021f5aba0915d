package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * Seed OSS: biases on q, k and v (config attention_bias), and one of its own on the output projection
 * (attention_out_bias).
 */
final class SeedOss implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("seed_oss");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("residual_dropout");
        c.whenAbsent("num_key_value_heads", 8)
                .whenAbsent("head_dim", 128)
                .whenAbsent("max_position_embeddings", 524_288);
        LlamaShape shape = new LlamaShape(c).mlpBias().outBias(c.flag("attention_out_bias", false));
        return (c.flag("attention_bias", true) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
