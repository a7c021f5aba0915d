package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.ExpertsBuilder;
import org.llminspector.spec.Routing;
import org.llminspector.spec.ShortConv;

/** LFM2 with experts behind the first layers, by sigmoid scores and a bias for the choice only. */
final class Lfm2Moe implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("lfm2_moe");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.spelled("rms_norm_eps", "norm_eps")
                .whenAbsent("norm_eps", 1e-5)
                .whenAbsent("num_key_value_heads", 8)
                .whenAbsent("max_position_embeddings", 128_000)
                .whenAbsent("rope_theta", 1e6)
                .whenAbsent("tie_word_embeddings", true);
        if (c.has("tie_embedding")) c.spelled("tie_word_embeddings", "tie_embedding");
        int width = c.size("conv_L_cache", 3);
        if (width < 2) throw c.wrong("conv_L_cache", "at least 2 positions", width);
        float factor = (float) c.number("routed_scaling_factor", 1);
        Routing routing = new Routing(true, c.flag("use_expert_bias", true), 1, 1, 1, factor);
        Experts experts = ExpertsBuilder.builder()
                .count(c.size("num_experts", 32))
                .active(c.size("num_experts_per_tok", 4))
                .renormalised(c.flag("norm_topk_prob", true))
                .sumEpsilon(1e-6f)
                .routing(routing)
                .build();
        double first = c.number("num_dense_layers", 2);
        LlamaShape shape = new LlamaShape(c)
                .qkNorm(false)
                .experts(experts, c.size("moe_intermediate_size", 1792), layer -> layer >= first);
        ShortConv conv = new ShortConv(width, c.flag("conv_bias", false));
        return shape.convolves(conv, Lfm2.convolving(c, shape.nLayers())).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return new Lfm2().weights(s, checkpoint);
    }
}
