package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * OLMo 3: {@link Olmo2} with a sliding window in three layers of four; RoPE is scaled only in the layers without one.
 */
final class Olmo3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5).whenAbsent("sliding_window", 4096);
        Config ropes = c.inside("rope_parameters");
        boolean v5 = ropes.has("full_attention");
        if (v5) ropes.ignore("rope_theta", "rope_type"); // repeated for each kind of layer
        return new LlamaShape(c)
                .attentionBias()
                .postNorms(false)
                .qkNorm(true)
                .window(c.sizeOrNull("sliding_window"), layer -> (layer + 1) % 4 != 0)
                .ropes(
                        v5 ? ropes.inside("full_attention") : c.inside("rope_scaling"),
                        c.positive("rope_theta", 500_000),
                        ropes.inside("sliding_attention"),
                        c.positive("rope_theta", 500_000))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
