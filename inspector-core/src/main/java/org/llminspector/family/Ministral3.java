package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.QueryScale;

/** Ministral 3: queries are scaled by their position ({@link QueryScale}), with YaRN. */
final class Ministral3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("ministral3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("head_dim", 128)
                .whenAbsent("max_position_embeddings", 262_144);
        Config rope = c.inside(c.has("rope_parameters") ? "rope_parameters" : "rope_scaling");
        QueryScale scale = !rope.has("llama_4_scaling_beta")
                ? null
                : new QueryScale(
                        (float) rope.number("llama_4_scaling_beta"), rope.size("original_max_position_embeddings"), 0);
        rope.ignore("max_position_embeddings");
        return new LlamaShape(c)
                .attention((layer, a) -> a.queryScale(scale))
                .window(c.sizeOrNull("sliding_window"))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
