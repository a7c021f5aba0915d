package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** Qwen2 and 2.5: biases on q, k and v only; an optional sliding window from layer max_window_layers on. */
final class Qwen2 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("qwen2");
    }

    @Override
    public DecoderSpec spec(Config c) {
        return window(c, new LlamaShape(c.whenAbsent("max_position_embeddings", 32768)).qkvBias())
                .spec();
    }

    /** Qwen's window: none unless use_sliding_window, then in the layers from max_window_layers on. */
    static LlamaShape window(Config c, LlamaShape shape) {
        c.whenAbsent("sliding_window", 4096).whenAbsent("max_window_layers", 28);
        Integer size = c.sizeOrNull("sliding_window");
        double from = c.number("max_window_layers");
        Integer used = c.flag("use_sliding_window", false) ? size : null;
        return shape.window(used, layer -> layer >= from);
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
