package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** OLMo 2: norms only after attention and MLP, and an RMSNorm of q and k over all heads at once. */
final class Olmo2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5);
        return new LlamaShape(c).attentionBias().postNorms(false).qkNorm(true).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
