package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Norm;

/** OLMo 1: Llama with LayerNorm without weight and bias, q, k and v clamped if clip_qkv is set. */
final class Olmo implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return new LlamaShape(c)
                .norms(new Norm(Norm.Kind.LAYER, 1e-5, false, false)) // the reference always uses this epsilon
                .attentionBias()
                .clipsQkv()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
