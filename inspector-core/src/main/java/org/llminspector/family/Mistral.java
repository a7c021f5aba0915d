package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Mistral: a sliding window in every layer. */
final class Mistral implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mistral");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("sliding_window", 4096)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("max_position_embeddings", 131_072);
        return new LlamaShape(c).window(c.sizeOrNull("sliding_window")).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
