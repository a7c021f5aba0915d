package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * ERNIE 4.5, dense: Llama with RoPE on interleaved pairs (2 i, 2 i + 1); biases everywhere or nowhere (config
 * use_bias).
 */
final class Ernie45 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("ernie4_5");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("head_dim", 128)
                .whenAbsent("rope_theta", 500_000.0)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("tie_word_embeddings", true);
        return new LlamaShape(c).biases(c.flag("use_bias", false)).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
    }
}
