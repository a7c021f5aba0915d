package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * Granite: Llama with four factors: of the embedding, of scores instead of 1 / sqrt(head_dim), of the residual
 * additions of attention and MLP, and a divisor of the logits.
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

    /** Llama with Granite's factors, shared with its mixtures. */
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
