package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * Phi-3: q, k, v fused in one matrix and gate, up in another (split here), partial rotary, longrope, a sliding window.
 */
final class Phi3 implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("phi3");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.ignore("embd_pdrop", "resid_pdrop");
        c.ignore("full_attn_mod", "interpolate_factor"); // in Phi-4-mini, not read by the reference
        c.whenAbsent("rms_norm_eps", 1e-5)
                .whenAbsent("max_position_embeddings", 4096)
                .whenAbsent("original_max_position_embeddings", 4096);
        return new LlamaShape(c)
                .partialRotary()
                .window(c.sizeOrNull("sliding_window"))
                .spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        WeightPlan plan = LlamaShape.weights(s, checkpoint);
        String root = LlamaShape.root(checkpoint);
        for (int i = 0; i < s.nLayers(); i++) {
            Attention a = s.layers().get(i).attention();
            int q = a.nHeads() * a.dHead();
            int kv = a.nKvHeads() * a.dHead();
            int dMlp = s.layers().get(i).mlp().dMlp();
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            Source qkv = Source.of(from + "self_attn.qkv_proj.weight", q + 2L * kv, s.dModel());
            Source gateUp = Source.of(from + "mlp.gate_up_proj.weight", 2L * dMlp, s.dModel());
            plan.put(to + "attn.q.weight", qkv.rows(0, q))
                    .put(to + "attn.k.weight", qkv.rows(q, q + kv))
                    .put(to + "attn.v.weight", qkv.rows(q + kv, q + 2 * kv))
                    .put(to + "mlp.gate.weight", gateUp.rows(0, dMlp))
                    .put(to + "mlp.in.weight", gateUp.rows(dMlp, 2 * dMlp));
        }
        return plan;
    }
}
