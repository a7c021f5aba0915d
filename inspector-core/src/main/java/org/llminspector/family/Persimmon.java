package org.llminspector.family;

import java.util.Set;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Persimmon: LayerNorm, also of q and k per head, squared ReLU without a gate, biases, partial RoPE; q, k and v in
 * one matrix, head by head.
 */
final class Persimmon implements Family {

    @Override
    public Set<String> modelTypes() {
        return Set.of("persimmon");
    }

    @Override
    public DecoderSpec spec(Config c) {
        c.whenAbsent("hidden_act", "relu2")
                .whenAbsent("partial_rotary_factor", 0.5)
                .whenAbsent("max_position_embeddings", 16_384)
                .ignore("hidden_dropout");
        LlamaShape shape = new LlamaShape(c)
                .layerNorms("layer_norm_eps")
                .plainMlp()
                .biases(true)
                .partialRotary();
        return (c.flag("qk_layernorm", true) ? shape.qkNorm(false) : shape).spec();
    }

    @Override
    public WeightPlan weights(DecoderSpec s, Checkpoint checkpoint) {
        String root = LlamaShape.root(checkpoint);
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            Attention a = layer.attention();
            int m = layer.mlp().dMlp();
            String to = "blocks." + i + ".";
            String from = root + "layers." + i + ".";
            plan.norm(layer.ln1(), to + "ln1", from + "input_layernorm", d)
                    .qkvByGroup(a, to + "attn.", from + "self_attn.query_key_value", d)
                    .norm(a.qNorm(), to + "attn.q_norm", from + "self_attn.q_layernorm", a.dHead())
                    .norm(a.kNorm(), to + "attn.k_norm", from + "self_attn.k_layernorm", a.dHead())
                    .linear(to + "attn.o", from + "self_attn.dense", d, d, true)
                    .norm(layer.ln2(), to + "ln2", from + "post_attention_layernorm", d)
                    .linear(to + "mlp.in", from + "mlp.dense_h_to_4h", m, d, true)
                    .linear(to + "mlp.out", from + "mlp.dense_4h_to_h", d, m, true);
        }
        plan.norm(s.finalNorm(), "ln_final", root + "final_layernorm", d);
        return s.tied() ? plan : plan.linear("unembed", "lm_head", s.vocab(), d, false);
    }
}
