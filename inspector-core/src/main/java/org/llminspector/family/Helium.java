package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Helium: RoPE on interleaved pairs (2 i, 2 i + 1); no bias on the output projection. */
final class Helium implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("helium");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-8)
                .whenAbsent("rope_theta", 100_000.0)
                .whenAbsent("num_key_value_heads", 20)
                .whenAbsent("head_dim", 128)
                .whenAbsent("max_position_embeddings", 4096);
        LlamaShape shape = new LlamaShape(c).mlpBias();
        return (c.flag("attention_bias", false) ? shape.qkvBias() : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
    }
}
