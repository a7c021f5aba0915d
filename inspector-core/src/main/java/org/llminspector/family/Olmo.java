package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Norm;

/** OLMo 1: Llama with LayerNorm that has neither weight nor bias, q, k and v clipped where clip_qkv says so. */
final class Olmo implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return new LlamaShape(c)
                .norms(new Norm(
                        Norm.Kind.LAYER, 1e-5, false, false)) // the reference takes this epsilon whatever is said
                .attentionBias()
                .clipsQkv()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
