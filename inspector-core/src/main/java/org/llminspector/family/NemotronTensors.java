package org.llminspector.family;

import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Routing;

/** Attention and mixture of Nemotron-H, and its tensors: {@code backbone.layers.i.norm} and {@code mixer}, whatever the mixer is. */
final class NemotronTensors {

    private NemotronTensors() {}

    /** Attention without positions. */
    static Attention attention(Config c, int d) {
        int heads = c.size("num_attention_heads", 32);
        boolean bias = c.flag("attention_bias", false);
        int dHead = c.size("head_dim", d / heads);
        return Attention.plain(heads, c.size("num_key_value_heads", heads), dHead, null, null, bias, bias);
    }

    /** The mixture's settings. */
    static Experts experts(Config c) {
        int count = c.size("n_routed_experts", 8);
        int groups = DeepSeek2.groups(c, "n_group", 1, count);
        int best = DeepSeek2.groups(c, "topk_group", 1, groups);
        Routing routing = new Routing(true, true, groups, best, 2, (float) c.number("routed_scaling_factor", 1));
        c.size("n_shared_experts", 1);
        int shared = c.size("moe_shared_expert_intermediate_size", 7688);
        return new Experts(
                count, c.size("num_experts_per_tok", 2), c.flag("norm_topk_prob", true), shared, false, routing);
    }

    static WeightPlan of(DecoderSpec s, Checkpoint checkpoint) {
        int d = s.dModel();
        String root = checkpoint.has("model.embeddings.weight") ? "model." : "backbone.";
        WeightPlan plan = new WeightPlan().put("embed.weight", Source.of(root + "embeddings.weight", s.vocab(), d));
        for (int i = 0; i < s.nLayers(); i++) {
            LayerSpec layer = s.layers().get(i);
            String from = root + "layers." + i + ".";
            String to = "blocks." + i + ".";
            plan.norm(layer.ln1(), to + "ln1", from + "norm", d).norm(layer.ln2(), to + "ln2", from + "norm", d);
            if (layer.attends()) attention(plan, layer.attention(), d, to + "attn.", from + "mixer.");
            if (layer.recurrence() != null)
                RecurrentTensors.put(plan, layer.recurrence(), d, to + "ssm.", from, checkpoint);
            if (layer.mlp().experts() != null) mixture(plan, layer.mlp(), d, to + "mlp.", from + "mixer.");
            else if (layer.feedsForward())
                feedForward(plan, layer.mlp().dMlp(), layer.mlp().bias(), d, to + "mlp.", from + "mixer.");
        }
        plan.norm(s.finalNorm(), "ln_final", root + "norm_f", d);
        return s.tied() ? plan : plan.linear("unembed", "lm_head", s.vocab(), d, false);
    }

    private static void attention(WeightPlan plan, Attention a, int d, String to, String from) {
        plan.linear(to + "q", from + "q_proj", a.nHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "k", from + "k_proj", a.nKvHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "v", from + "v_proj", a.nKvHeads() * a.dHead(), d, a.qkvBias())
                .linear(to + "o", from + "o_proj", d, a.nHeads() * a.dHead(), a.outBias());
    }

    private static void mixture(WeightPlan plan, Mlp mlp, int d, String to, String from) {
        Experts e = mlp.experts();
        plan.linear(to + "router", from + "gate", e.count(), d, false)
                .put(to + "router.choice_bias", Source.of(from + "gate.e_score_correction_bias", e.count()));
        for (int i = 0; i < e.count(); i++)
            feedForward(plan, mlp.dMlp(), mlp.bias(), d, to + "experts." + i + ".", from + "experts." + i + ".");
        feedForward(plan, e.dShared(), mlp.bias(), d, to + "shared_expert.", from + "shared_experts.");
    }

    private static void feedForward(WeightPlan plan, int width, boolean bias, int d, String to, String from) {
        plan.linear(to + "in", from + "up_proj", width, d, bias).linear(to + "out", from + "down_proj", d, width, bias);
    }
}
