package org.llminspector.family;

import java.util.List;
import java.util.stream.Stream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** A layer's tensors by Llama's names. */
final class LlamaTensors {

    private LlamaTensors() {}

    /** @param from the layer's prefix in the files, {@code model.layers.i.} */
    static void layer(WeightPlan plan, DecoderSpec s, int i, String from, Checkpoint checkpoint) {
        LayerSpec layer = s.layers().get(i);
        Mlp mlp = layer.mlp();
        String to = "blocks." + i + ".";
        int d = s.dModel();
        // Llama's "post attention" norm precedes the MLP; in families with norms on both sides it follows attention.
        boolean post = layer.ln1Post() != null;
        String first = "input_layernorm";
        String second =
                layer.parallel() ? "input_layernorm" : post ? "pre_feedforward_layernorm" : "post_attention_layernorm";
        if (checkpoint.has(from + "pre_ff_layernorm.weight")) second = "pre_ff_layernorm"; // Mamba's hybrids
        if (checkpoint.has(from + "attention_layer_norm.weight")) { // OLMo hybrid
            first = "attention_layer_norm";
            second = "feedforward_layer_norm";
        }
        boolean renamed = post && !checkpoint.has(from + "post_attention_layernorm.weight");
        String after = renamed ? "feedforward_layer_norm" : "post_attention_layernorm";
        plan.norm(layer.ln1(), to + "ln1", from + first, d)
                .norm(layer.ln1Post(), to + "ln1_post", from + after, d)
                .norm(layer.ln2(), to + "ln2", from + second, d)
                .norm(layer.ln2Post(), to + "ln2_post", from + "post_feedforward_layernorm", d);
        if (layer.attends()) attention(plan, s, layer.attention(), to, from, checkpoint);
        if (layer.recurrence() != null)
            RecurrentTensors.put(plan, layer.recurrence(), d, to + "ssm.", from, checkpoint);
        if (mlp.experts() != null) {
            ExpertTensors.put(plan, mlp, d, to + "mlp.", from, checkpoint);
            return;
        }
        if (checkpoint.has(from + "shared_mlp.input_linear.weight")) { // Granite 4 without experts
            String in = from + "shared_mlp.input_linear";
            StateSpaces.split(plan, false, d, to, in, List.of("mlp.gate", "mlp.in"), List.of(mlp.dMlp(), mlp.dMlp()));
            plan.linear(to + "mlp.out", from + "shared_mlp.output_linear", d, mlp.dMlp(), false);
            return;
        }
        String part = Stream.of("feed_forward.", "block_sparse_moe.") // Kimi's dense layers
                .map(name -> from + name)
                .filter(name -> checkpoint.has(name + "up_proj.weight"))
                .findFirst()
                .orElse(from + "mlp.");
        if (mlp.gated()) plan.linear(to + "mlp.gate", part + "gate_proj", mlp.dMlp(), d, mlp.bias());
        plan.linear(to + "mlp.in", part + "up_proj", mlp.dMlp(), d, mlp.bias());
        plan.linear(to + "mlp.out", part + "down_proj", d, mlp.dMlp(), mlp.bias());
    }

    private static void attention(
            WeightPlan plan, DecoderSpec s, Attention a, String to, String from, Checkpoint checkpoint) {
        int d = s.dModel();
        int q = a.nHeads() * a.dHead();
        int kv = a.nKvHeads() * a.dHead();
        int z = a.nHeads() * a.dValue();
        plan.put(to + "attn.q_norm.weight", qkNorm(a, a.qNorm(), from + "self_attn.q_norm", a.nHeads()))
                .put(to + "attn.k_norm.weight", qkNorm(a, a.kNorm(), from + "self_attn.k_norm", a.nKvHeads()));
        if (a.latent() != null) {
            LatentTensors.put(plan, s, a, to + "attn.", from + "self_attn.", checkpoint);
        } else {
            if (a.gated() && !checkpoint.has(from + "self_attn.gate_proj.weight")) { // Qwen3-Next: head by head
                Source both = Source.of(from + "self_attn.q_proj.weight", 2L * q, d);
                plan.put(to + "attn.q.weight", both.everyBlock(a.dHead(), 0, 2))
                        .put(to + "attn.gate.weight", both.everyBlock(a.dHead(), 1, 2));
            } else {
                plan.linear(to + "attn.q", from + "self_attn.q_proj", q, d, a.qkvBias());
                if (a.gated()) plan.linear(to + "attn.gate", from + "self_attn.gate_proj", z, d, false);
            }
            boolean own = a.keysFrom() == null;
            if (own) plan.linear(to + "attn.k", from + "self_attn.k_proj", kv, d, a.qkvBias());
            if (own && !a.valuesAreKeys())
                plan.linear(to + "attn.v", from + "self_attn.v_proj", a.nKvHeads() * a.dValue(), d, a.qkvBias());
            plan.linear(to + "attn.o", from + "self_attn.o_proj", d, z, a.outBias());
        }
        String sinks = from + "self_attn.sinks";
        if (!checkpoint.has(sinks)) sinks = from + "self_attn.attention_sink_bias";
        if (a.sinks()) plan.put(to + "attn.sinks.weight", Source.of(sinks, a.nHeads()));
    }

    /** A norm's weights: shared by all heads, per head, or over the width of all heads; null without a norm. */
    private static Source qkNorm(Attention a, Norm norm, String from, int heads) {
        if (norm == null || !norm.weight()) return null;
        if (a.qkNormByHead()) return Source.of(from + ".weight", heads, a.dHead());
        return Source.of(from + ".weight", a.qkNormWide() ? (long) heads * a.dHead() : a.dHead());
    }
}
