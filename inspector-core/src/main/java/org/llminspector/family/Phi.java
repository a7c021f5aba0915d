package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.DecoderSpec;

/** Phi (1, 1.5, 2): LayerNorm, attention and MLP in parallel through one norm, RoPE on a part of each head, biases everywhere. */
final class Phi implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("phi");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("partial_rotary_factor", 0.5).whenAbsent("hidden_act", "gelu_new");
        if (c.flag("qk_layernorm", false))
            throw c.wrong("qk_layernorm", "false: norms of single heads are not read", true);
        c.ignore("embd_pdrop", "resid_pdrop");
        return new LlamaShape(c)
                .layerNorms("layer_norm_eps")
                .plainMlp()
                .biases(true)
                .unembedBias()
                .partialRotary()
                .parallel(true)
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        int d = s.dModel();
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            String to = "blocks." + i + ".";
            String from = LlamaShape.root(checkpoint) + "layers." + i + ".";
            int dMlp = s.layers().get(i).mlp().dMlp();
            int width = s.layers().get(i).attention().nHeads()
                    * s.layers().get(i).attention().dHead();
            plan.linear(to + "attn.o", from + "self_attn.dense", d, width, true)
                    .linear(to + "mlp.in", from + "mlp.fc1", dMlp, d, true)
                    .linear(to + "mlp.out", from + "mlp.fc2", d, dMlp, true);
        }
        return plan.layerNorm("ln_final", LlamaShape.root(checkpoint) + "final_layernorm", d)
                .put("unembed.bias", Source.of("lm_head.bias", s.vocab()));
    }
}
