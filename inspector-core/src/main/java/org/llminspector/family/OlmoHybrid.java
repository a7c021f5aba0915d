package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.LayerSpecBuilder;

/**
 * OLMo hybrid: delta nets, whose eigenvalues may be negative, with norms before mixer and MLP; layers with attention are
 * {@link Olmo2}'s, with norms after both, and have RoPE only where the config has a theta.
 */
final class OlmoHybrid implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("olmo_hybrid");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("linear_a_log_max", "linear_a_log_min", "linear_dt_init_floor", "linear_dt_max", "linear_dt_min");
        DeltaNet net = DeltaNets.spec(c, c.flag("linear_allow_neg_eigval", true) ? 2 : 1, 1e-5);
        JsonNode now = c.node("rope_parameters");
        boolean rope = c.node("rope_theta") != null || (now != null && now.hasNonNull("rope_theta"));
        LlamaShape shape = new LlamaShape(c).attentionBias().qkNorm(true);
        DecoderSpec all = shape.mixers(StateSpaces.layers(c, shape.nLayers(), net))
                .rotatesIn(layer -> rope)
                .spec();
        List<LayerSpec> layers = all.layers().stream()
                .map(l -> !l.attends()
                        ? l
                        : LayerSpecBuilder.builder(l)
                                .ln1(null)
                                .ln2(null)
                                .ln1Post(l.ln1())
                                .ln2Post(l.ln2())
                                .build())
                .toList();
        return DecoderSpecBuilder.builder(all).layers(layers).build();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        return LlamaShape.weights(s, checkpoint);
    }
}
