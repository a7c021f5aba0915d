package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/** Nemotron: LayerNorm whose weights are 1 + the file's (added here), squared ReLU without a gate, partial rotary. */
final class Nemotron implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("nemotron");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("hidden_act", "relu2")
                .whenAbsent("partial_rotary_factor", 0.5)
                .whenAbsent("max_position_embeddings", 4096);
        return new LlamaShape(c)
                .layerNorms("norm_eps")
                .plainMlp()
                .attentionBias()
                .mlpBias()
                .partialRotary()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).norms(Source::plusOne);
    }
}
