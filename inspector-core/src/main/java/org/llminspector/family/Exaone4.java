package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * EXAONE 4: norms only after attention and MLP, RMSNorm of q and k per head; where some layers have a sliding window,
 * those without one have no RoPE (NoPE).
 */
final class Exaone4 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("exaone4");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("sliding_window_pattern"); // a number or letters; layer_types has the same information
        c.whenAbsent("rms_norm_eps", 1e-5).whenAbsent("rope_theta", 10_000.0);
        return new LlamaShape(c)
                .postNorms(false)
                .qkNorm(false)
                .window(c.sizeOrNull("sliding_window"), layer -> (layer + 1) % 4 != 0)
                .rotatesInWindows()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
