package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * Granite: Llama with four factors, on the embedding, on scores in the place of 1 / sqrt(head_dim), on what attention and MLP add
 * to the stream, and one that logits are divided by.
 */
final class Granite implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("granite");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return shape(c).mlpBias().spec();
    }

    /** A Llama with Granite's factors, which its mixtures have too. */
    static LlamaShape shape(Config c) {
        return new LlamaShape(c)
                .attentionBias()
                .embedScale(c.number("embedding_multiplier", 1))
                .scale(c.number("attention_multiplier", 1))
                .residualScale(c.number("residual_multiplier", 1))
                .logitScale(c.finite("logits_scaling", 1 / c.number("logits_scaling", 1)));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
