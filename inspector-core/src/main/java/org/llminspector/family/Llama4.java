package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import java.util.function.IntPredicate;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.ExpertsBuilder;
import org.llminspector.spec.Norm;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Routing;

/**
 * Llama 4, its text part: RoPE on interleaved pairs with attention in chunks; in every fourth layer no RoPE, all
 * positions, and queries scaled by their position; q and k normed after RoPE, without weights. Experts by sigmoid
 * scores that weigh their input, and a shared expert.
 */
final class Llama4 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("llama4_text");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("head_dim", 128)
                .whenAbsent("rope_theta", 500_000.0)
                .whenAbsent("attention_chunk_size", 8192)
                .whenAbsent("max_position_embeddings", 131_072);
        int width = c.size("intermediate_size", 8192);
        int active = c.size("num_experts_per_tok", 1);
        LlamaShape shape = new LlamaShape(c);
        int step = c.size("interleave_moe_layer_step", 1);
        int interval = c.size("no_rope_layer_interval", 4);
        List<JsonNode> turns = c.perLayer("no_rope_layers", shape.nLayers());
        List<JsonNode> types = c.perLayer("layer_types", shape.nLayers());
        IntPredicate rotates =
                i -> turns == null ? (i + 1) % interval != 0 : turns.get(i).asInt() != 0;
        IntPredicate chunked =
                i -> types == null ? rotates.test(i) : types.get(i).asText().equals("chunked_attention");
        Set<Integer> mixtures = c.layers("moe_layers", shape.nLayers());
        boolean listed = c.has("moe_layers");
        Integer chunk = c.sizeOrNull("attention_chunk_size");
        Norm norm = c.flag("use_qk_norm", true)
                ? new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-5), false, false)
                : null;
        float beta = (float) c.number("attn_scale", 0.1);
        int every = c.size("floor_scale", 8192);
        QueryScale scale = c.flag("attn_temperature_tuning", true) ? new QueryScale(beta, every, 1) : null;
        Experts experts = ExpertsBuilder.builder()
                .count(c.size("num_local_experts", 16))
                .active(active)
                .dShared(width)
                .weighsInput(true)
                .routing(new Routing(true, false, 1, 1, 1, 1))
                .build();
        return shape.attentionBias()
                .rotatesIn(rotates)
                .attention((i, a) -> a.chunk(chunked.test(i) ? chunk : null)
                        .qNorm(rotates.test(i) ? norm : null)
                        .kNorm(rotates.test(i) ? norm : null)
                        .qkNormRotated(rotates.test(i) && norm != null)
                        .queryScale(rotates.test(i) ? null : scale))
                .neurons(c.size("intermediate_size_mlp", 16_384))
                .experts(experts, width, i -> listed ? mixtures.contains(i) : (i + 1) % step == 0)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint).turnsNeighbours(s);
    }
}
