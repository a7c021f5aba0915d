package org.llminspector.family;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DecoderSpec;

/**
 * Apertus: RMSNorm of q and k, no gate, and xIELU with parameters learned per layer; the files store its two factors
 * before softplus (applied here).
 */
final class Apertus implements Family {

    private static final Map<String, Object> ROPE = Map.of(
            "rope_type", "llama3",
            "rope_theta", 12e6,
            "factor", 8.0,
            "original_max_position_embeddings", 8192,
            "low_freq_factor", 1.0,
            "high_freq_factor", 4.0);

    @Override
    public Set<String> modelTypes() {
        return Set.of("apertus");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("hidden_dropout", "qk_norm"); // the reference always norms q and k
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("max_position_embeddings", 65536)
                .whenAbsent("rope_theta", 12e6);
        if (!c.has("rope_parameters") && !c.has("rope_scaling") && !c.has("rope_theta"))
            c.whenAbsent("rope_scaling", ROPE);
        return new LlamaShape(c)
                .attentionBias()
                .qkNorm(false)
                .plainMlp()
                .learnedActivation()
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            String to = "blocks." + i + ".";
            plan.norm(s.layers().get(i).ln1(), to + "ln1", from + "attention_layernorm", s.dModel())
                    .norm(s.layers().get(i).ln2(), to + "ln2", from + "feedforward_layernorm", s.dModel());
            if (s.layers().get(i).mlp().activation() != Activation.XIELU) continue;
            for (String name : List.of("alpha_p", "alpha_n", "beta", "eps")) {
                Source number = Source.number(from + "mlp.act_fn." + name, checkpoint);
                plan.put(to + "mlp.act." + name, name.startsWith("alpha") ? number.changed(Apertus::softplus) : number);
            }
        }
        return plan;
    }

    private static Tensor softplus(Tensor number) {
        return Tensor.of(new float[] {(float) Math.log1p(Math.exp(number.get(0)))}, 1);
    }
}
