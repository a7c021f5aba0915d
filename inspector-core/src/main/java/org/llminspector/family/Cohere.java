package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Norm;

/**
 * Cohere (Command R) and Cohere 2: attention and MLP in parallel through one LayerNorm without biases, RoPE on
 * interleaved pairs, logits times logit_scale. In Cohere 2 most layers have a sliding window, and only those have RoPE.
 */
final class Cohere implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("cohere", "cohere2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        boolean second = c.text("model_type").equals("cohere2");
        c.whenAbsent("tie_word_embeddings", true)
                .whenAbsent("max_position_embeddings", 8192)
                .whenAbsent("rope_theta", second ? 10_000.0 : 500_000.0);
        LlamaShape shape = new LlamaShape(c)
                .norms(new Norm(Norm.Kind.LAYER, c.epsilon("layer_norm_eps", 1e-5), true, false))
                .qkNormByHead("use_qk_norm")
                .attentionBias()
                .parallel(true)
                .logitScale(c.number("logit_scale", 0.0625));
        if (!second) return shape.spec();
        // In Command R7B's config, but not read by the reference.
        c.ignore(
                "layer_switch",
                "order_of_interleaved_layers",
                "position_embedding_type",
                "rotary_pct",
                "cache_implementation");
        c.ignore("use_embedding_sharing", "use_gated_activation", "use_parallel_block", "use_parallel_embedding");
        int pattern = c.size("sliding_window_pattern", 4);
        return shape.window(c.sizeOrNull("sliding_window"), i -> (i + 1) % pattern != 0)
                .rotatesInWindows()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
    }
}
