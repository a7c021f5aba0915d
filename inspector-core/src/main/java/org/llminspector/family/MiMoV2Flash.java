package org.llminspector.family;

import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;

/**
 * MiMo V2 Flash: values narrower than keys, and scaled; layers with a window have twice the key heads, sinks and a
 * RoPE of their own; {@link DeepSeek3}'s experts. The multi-token prediction layers are not opened.
 */
final class MiMoV2Flash implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("mimo_v2_flash");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 4)
                .whenAbsent("head_dim", 192)
                .whenAbsent("sliding_window", 129)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("n_routed_experts", 256)
                .whenAbsent("moe_intermediate_size", 2048)
                .whenAbsent("first_k_dense_replace", 1);
        if (c.has("sliding_window_size"))
            c.whenAbsent("sliding_window", c.sum("sliding_window_size", c.size("sliding_window_size"), 1));
        int values = c.size("v_head_dim", 128);
        int keyHeads = c.size("num_key_value_heads");
        float scale = (float) (c.node("attention_value_scale") == null ? 0.707 : c.number("attention_value_scale"));
        Config ropes = c.inside("rope_parameters");
        for (String kind : List.of("full_attention", "sliding_attention"))
            ropes.inside(kind).whenAbsent("partial_rotary_factor", 0.334);
        LlamaShape shape = new LlamaShape(c).partialRotary();
        if (c.size("num_attention_heads") % (2 * keyHeads) != 0)
            throw c.wrong("num_key_value_heads", "half a divisor of num_attention_heads", keyHeads);
        shape.window(c.sizeOrNull("sliding_window"), layer -> layer > 0 && (layer + 1) % 6 != 0)
                .ropes(ropes.inside("full_attention"), 5e6, ropes.inside("sliding_attention"), 10_000)
                .attention((layer, a) -> a.dValue(values)
                        .valueScale(scale == 1 ? null : scale)
                        .nKvHeads(shape.windowed(layer) ? 2 * keyHeads : keyHeads)
                        .sinks(shape.windowed(layer)));
        if (c.flag("attention_bias", false)) shape.qkvBias();
        return DeepSeek3.experts(c, shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
