package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Qwen3: RMSNorm of q and k per head, head_dim of its own, and the window of {@link Qwen2}. */
final class Qwen3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("head_dim", 128).whenAbsent("max_position_embeddings", 32768);
        return Qwen2.window(c, new LlamaShape(c).attentionBias().qkNorm(false)).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
