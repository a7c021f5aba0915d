package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/**
 * Gemma 2: norms before and after attention and MLP, whose weights are 1 + the file's (added here); embeddings times
 * sqrt(hidden_size); scores times query_pre_attn_scalar ^ -1/2; soft caps on scores and logits; GeGLU; tied; a
 * sliding window in every other layer.
 */
final class Gemma2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("vocab_size", 256_000)
                .whenAbsent("max_position_embeddings", 8192)
                .whenAbsent("attn_logit_softcapping", 50.0)
                .whenAbsent("final_logit_softcapping", 30.0);
        return shape(c).softcaps(
                        c.positiveOrNull("attn_logit_softcapping"), c.positiveOrNull("final_logit_softcapping"))
                .window(c.sizeOrNull("sliding_window"), layer -> layer % 2 == 0)
                .spec();
    }

    /** What Gemma 2 and 3 share. */
    static LlamaShape shape(Config c) {
        c.spelled("hidden_act", "hidden_activation")
                .whenAbsent("hidden_activation", "gelu_pytorch_tanh")
                .whenAbsent("hidden_size", 2304)
                .whenAbsent("intermediate_size", 9216)
                .whenAbsent("num_hidden_layers", 26)
                .whenAbsent("num_attention_heads", 8)
                .whenAbsent("num_key_value_heads", 4)
                .whenAbsent("head_dim", 256)
                .whenAbsent("query_pre_attn_scalar", 256)
                .whenAbsent("sliding_window", 4096)
                .whenAbsent("tie_word_embeddings", true);
        return new LlamaShape(c)
                .attentionBias()
                .postNorms(true)
                .scaledEmbedding()
                .scale(Math.pow(c.positive("query_pre_attn_scalar"), -0.5));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).norms(Source::plusOne);
    }
}
