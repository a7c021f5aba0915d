package org.llminspector.family;

import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/**
 * Gemma 3, text: {@link Gemma2} with RMSNorm of q and k per head instead of the cap on scores; five layers with a
 * sliding window to one without, each kind with its own RoPE. Multimodal models have all this in text_config; their
 * vision part is left out.
 */
final class Gemma3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma3_text", "gemma3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        if (!c.has("text_config")) return text(c);
        c.ignore("vision_config", "mm_tokens_per_image");
        for (String token : List.of("boi_token", "eoi_token", "image_token")) c.ignore(token + "_index", token + "_id");
        return text(c.inside("text_config")
                .whenAbsent("model_type", "gemma3_text")
                .whenAbsent("tie_word_embeddings", c.flag("tie_word_embeddings", true)));
    }

    private static DecoderSpec text(Config c) {
        c.ignore("_sliding_window_pattern"); // written by transformers in addition to layer_types
        c.whenAbsent("vocab_size", 262_208).whenAbsent("max_position_embeddings", 131_072);
        int pattern = c.size("sliding_window_pattern", 6);
        Config ropes = c.inside("rope_parameters");
        boolean v5 = ropes.has("full_attention");
        return Gemma2.shape(c)
                .qkNorm(false)
                .softcaps(null, c.positiveOrNull("final_logit_softcapping"))
                .window(c.sizeOrNull("sliding_window"), layer -> (layer + 1) % pattern != 0)
                .ropes(
                        v5 ? ropes.inside("full_attention") : c.inside("rope_scaling"),
                        c.positive("rope_theta", 1_000_000),
                        ropes.inside("sliding_attention"),
                        c.positive("rope_local_base_freq", 10_000))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).norms(Source::plusOne);
    }
}
