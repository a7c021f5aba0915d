package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/**
 * Gemma: norms' weights are 1 + the file's (added here), embeddings times sqrt(hidden_size), GeGLU, tied. The first
 * files name an exact GELU in hidden_act but use the tanh form, as in hidden_activation.
 */
final class Gemma implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gemma");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("vocab_size", 256_000)
                .whenAbsent("max_position_embeddings", 8192)
                .whenAbsent("head_dim", 256)
                .whenAbsent("hidden_act", "gelu_pytorch_tanh")
                .whenAbsent("tie_word_embeddings", true);
        if (c.has("hidden_activation")) c.spelled("hidden_act", "hidden_activation");
        return new LlamaShape(c).attentionBias().scaledEmbedding().spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).norms(Source::plusOne);
    }
}
