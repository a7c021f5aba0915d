package org.llminspector.family;

import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.RgLru;

/** Tensors of RecurrentGemma: {@code temporal_block} is attention or a recurrence. */
final class GriffinTensors {

    private GriffinTensors() {}

    static WeightPlan of(DecoderSpec s, Checkpoint checkpoint) {
        String root = LlamaShape.root(checkpoint);
        int d = s.dModel();
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embed_tokens.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            String from = root + "layers." + i + ".";
            String to = "blocks." + i + ".";
            int m = layer.mlp().dMlp();
            plan.norm(layer.ln1(), to + "ln1", from + "temporal_pre_norm", d);
            if (layer.attends()) attention(plan, layer.attention(), d, to + "attn.", from + "temporal_block.");
            else recurrence(plan, (RgLru) layer.recurrence(), d, to + "ssm.", from + "temporal_block.");
            plan.norm(layer.ln2(), to + "ln2", from + "channel_pre_norm", d)
                    .linear(to + "mlp.gate", from + "mlp_block.gate_proj", m, d, true)
                    .linear(to + "mlp.in", from + "mlp_block.up_proj", m, d, true)
                    .linear(to + "mlp.out", from + "mlp_block.down_proj", d, m, true);
        }
        plan.norm(s.finalNorm(), "ln_final", root + "final_norm", d);
        if (!s.tied()) plan.linear("unembed", "lm_head", s.vocab(), d, false);
        return plan.norms(Source::plusOne);
    }

    private static void attention(WeightPlan plan, Attention a, int d, String to, String from) {
        plan.linear(to + "q", from + "q_proj", a.nHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "k", from + "k_proj", a.nKvHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "v", from + "v_proj", a.nKvHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "o", from + "o_proj", d, a.nHeads() * a.dHead(), true);
    }

    private static void recurrence(WeightPlan plan, RgLru r, int d, String to, String from) {
        int width = r.channels();
        int n = r.dHead();
        plan.linear(to + "x", from + "linear_x", width, d, true).linear(to + "gate", from + "linear_y", width, d, true);
        StateSpaces.kernel(plan, r, true, to, from + "conv_1d");
        gate(plan, r, to + "input_gate", from + "rg_lru.input_gate");
        gate(plan, r, to + "decay_gate", from + "rg_lru.recurrent_gate");
        plan.put(
                        to + "a.weight",
                        Source.of(from + "rg_lru.recurrent_param", width).changed(GriffinTensors::rates))
                .linear(to + "out", from + "linear_out", d, r.nHeads() * n, true);
    }

    private static void gate(WeightPlan plan, RgLru r, String to, String from) {
        plan.put(to + ".weight", Source.of(from + "_weight", r.nHeads(), r.dHead(), r.dHead()))
                .put(to + ".bias", Source.of(from + "_bias", r.nHeads(), r.dHead()));
    }

    /** -8 softplus: the logarithm of the decay where its gate is 1. */
    private static Tensor rates(Tensor parameter) {
        float[] values = parameter.toFloats();
        for (int i = 0; i < values.length; i++) values[i] = (float) (-8 * Math.log1p(Math.exp(values[i])));
        return Tensor.of(values, parameter.shape());
    }
}
