package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Set;
import org.llminspector.base.HalfFloats;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.RgLru;

/**
 * RecurrentGemma (Griffin): RG-LRUs, and attention with a window in every third layer; a GeGLU MLP with biases, half as
 * wide as config intermediate_size; Gemma's norms and factor of the embeddings, which is rounded to bfloat16.
 */
final class RecurrentGemma implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("recurrent_gemma");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.spelled("hidden_act", "hidden_activation");
        c.ignore("w_init_variance_scale", "final_w_init_variance_scale");
        c.whenAbsent("hidden_activation", "gelu_pytorch_tanh").whenAbsent("tie_word_embeddings", true);
        c.whenAbsent("partial_rotary_factor", 0.5).whenAbsent("max_position_embeddings", 8192);
        int d = c.size("hidden_size");
        int heads = c.size("num_attention_heads");
        int width = c.size("lru_width", d);
        if (width % heads != 0) throw c.wrong("lru_width", "a multiple of " + heads + " heads", width);
        RgLru unit = new RgLru(heads, width / heads, c.size("conv1d_width", 4));
        JsonNode types = c.node("block_types");
        LlamaShape shape = new LlamaShape(c)
                .attentionBias()
                .outBias(true)
                .mlpBiases()
                .partialRotary()
                .neurons(c.size("intermediate_size") / 2)
                .window(c.size("attention_window_size", 2048))
                .embedScale(HalfFloats.fromBf16(HalfFloats.toBf16((float) Math.sqrt(d))))
                .softcaps(null, (float) c.number("logits_soft_cap", 30));
        return shape.mixers((i, attention) -> {
                    String type = types == null
                            ? (i % 3 == 2 ? "attention" : "recurrent")
                            : types.get(i % types.size()).asText();
                    if (!type.equals("attention") && !type.equals("recurrent"))
                        throw c.wrong("block_types", "attention or recurrent", type);
                    return type.equals("attention") ? attention : unit;
                })
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return GriffinTensors.of(s, checkpoint);
    }
}
