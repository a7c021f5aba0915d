package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpecBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Norm;

/**
 * nanochat: norms without weights, also of the embeddings, and of q and k after RoPE, which turns the other way (the
 * halves of each head change places here); squared ReLU without a gate; soft-capped logits.
 */
final class NanoChat implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("nanochat");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("hidden_act", "relu2")
                .whenAbsent("final_logit_softcapping", 15.0)
                .whenAbsent("rms_norm_eps", 1e-6);
        Norm norm = new Norm(Norm.Kind.RMS, c.epsilon("rms_norm_eps", 1e-6), false, false);
        DecoderSpec spec = new LlamaShape(c)
                .norms(norm)
                .qkNorm(false)
                .attention((layer, a) -> a.qkNormRotated(true))
                .attentionBias()
                .plainMlp()
                .softcaps(null, c.positiveOrNull("final_logit_softcapping"))
                .spec();
        return DecoderSpecBuilder.builder(spec).embedNorm(norm).build();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".mlp.";
            int m = layer.mlp().dMlp();
            plan.linear("blocks." + i + ".mlp.in", from + "fc1", m, s.dModel(), false)
                    .linear("blocks." + i + ".mlp.out", from + "fc2", s.dModel(), m, false);
        }
        return plan.turnsBackwards(s);
    }
}
