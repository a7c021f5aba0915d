package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Arcee AFM: squared ReLU without a gate. */
final class Arcee implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("arcee");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("hidden_act", "relu2")
                .whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("max_position_embeddings", 4096);
        return new LlamaShape(c).attentionBias().mlpBias().plainMlp().spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
