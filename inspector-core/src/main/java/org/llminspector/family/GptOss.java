package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;

/**
 * gpt-oss (OpenAI 2025, arXiv:2508.10925): a mixture of experts (clamped SwiGLUs) in every layer, biases everywhere, an
 * attention sink in every head, a sliding window in every other layer. The router's weights are the softmax over the
 * chosen experts' logits.
 */
final class GptOss implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("gpt_oss");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("num_key_value_heads", 8)
                .whenAbsent("head_dim", 64)
                .whenAbsent("max_position_embeddings", 131_072)
                .whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("rope_theta", 150_000)
                .whenAbsent("attention_bias", true)
                .whenAbsent("sliding_window", 128);
        packing(c);
        Experts experts = new Experts(c.size("num_local_experts", 128), c.size("num_experts_per_tok", 4), true);
        c.ignore("experts_per_token", "initial_context_length"); // older names that the reference does not read
        return new LlamaShape(c)
                .attentionBias()
                .sinks()
                .clampedSwiglu()
                .window(c.sizeOrNull("sliding_window"), layer -> layer % 2 == 0)
                .experts(experts, c.size("intermediate_size"), layer -> true)
                .spec();
    }

    /** The files' tensors show which ones are packed. */
    private static void packing(Config c) {
        Config packing = c.inside("quantization_config");
        if (!c.has("quantization_config")) return;
        packing.ignore("modules_to_not_convert");
        if (!packing.text("quant_method").equals("mxfp4"))
            throw packing.wrong("quant_method", "mxfp4", packing.text("quant_method"));
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
