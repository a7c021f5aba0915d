package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/** SmolLM3: no RoPE in every fourth layer (NoPE), or where no_rope_layers has a 0; those may have a sliding window. */
final class SmolLm3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("smollm3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("max_window_layers"); // not read by the reference
        c.whenAbsent("rope_theta", 2_000_000.0)
                .whenAbsent("max_position_embeddings", 32768)
                .whenAbsent("num_key_value_heads", 4)
                .whenAbsent("tie_word_embeddings", true);
        LlamaShape shape = new LlamaShape(c).attentionBias().mlpBias();
        int interval = c.size("no_rope_layer_interval", 4);
        List<JsonNode> listed = c.perLayer("no_rope_layers", shape.nLayers());
        IntPredicate rotates =
                i -> listed == null ? (i + 1) % interval != 0 : listed.get(i).asBoolean();
        boolean window = c.flag("use_sliding_window", false);
        return shape.rotatesIn(rotates)
                .window(c.sizeOrNull("sliding_window"), i -> window && !rotates.test(i))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
