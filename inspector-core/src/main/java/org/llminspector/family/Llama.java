package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Llama (2, 3, SmolLM2, TinyLlama): {@link LlamaShape} unchanged. */
final class Llama implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("llama");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return new LlamaShape(c).attentionBias().mlpBias().spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
