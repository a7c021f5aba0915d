package org.llminspector.family;

import java.util.stream.Stream;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Mlp;

/**
 * Tensors of a mixture's router and experts: a tensor per expert and matrix ({@code experts.0.w1} in Mixtral, {@code
 * experts.0.gate_proj} elsewhere), or one for all experts (Granite; transformers 5 in memory).
 */
final class ExpertTensors {

    private ExpertTensors() {}

    /**
     * Adds a layer's mixture to the plan.
     *
     * @param to {@code blocks.i.mlp.}
     * @param from the layer's prefix in the files, {@code model.layers.i.}
     */
    static void put(WeightPlan plan, Mlp mlp, int d, String to, String from, Checkpoint checkpoint) {
        Experts e = mlp.experts();
        if (e.parallelNorm() != null) {
            parallelToMlp(plan, mlp, d, to, from);
            return;
        }
        boolean sparseName = checkpoint.has(from + "block_sparse_moe.gate.weight")
                || checkpoint.has(from + "block_sparse_moe.router.layer.weight");
        boolean forward = checkpoint.has(from + "feed_forward.gate.weight")
                || checkpoint.has(from + "feed_forward.router.weight");
        String part = from + (sparseName ? "block_sparse_moe." : forward ? "feed_forward." : "mlp.");
        String router = Stream.of("router.layer", "router.gate", "router", "gate.wg")
                .filter(name -> checkpoint.has(part + name + ".weight"))
                .findFirst()
                .orElse("gate");
        plan.linear(to + "router", part + router, e.count(), d, mlp.bias());
        if (e.routing() != null && e.routing().choiceBias())
            plan.put(to + "router.choice_bias", choiceBias(part, router, e.count(), checkpoint));
        boolean clamped = mlp.limit() != null;
        if (clamped && !checkpoint.has(part + "experts.0.gate_proj.weight")) {
            InterleavedExperts.put(plan, mlp, d, to + "experts.", part + "experts.", checkpoint);
            return;
        }
        for (int i = 0; i < e.count(); i++) {
            String expert = to + "experts." + i + ".";
            if (checkpoint.has(part + "input_linear.weight")) {
                together(plan, mlp, d, i, expert, part + "input_linear.weight", part + "output_linear.weight");
            } else if (checkpoint.has(part + "experts.gate_up_proj") && e.weighsInput()) {
                transposed(plan, mlp, d, i, expert, part + "experts.gate_up_proj", part + "experts.down_proj");
            } else if (checkpoint.has(part + "experts.gate_up_proj")) {
                together(plan, mlp, d, i, expert, part + "experts.gate_up_proj", part + "experts.down_proj");
            } else {
                boolean numbered = checkpoint.has(part + "experts.0.w1.weight");
                String[] names =
                        numbered ? new String[] {"w1", "w3", "w2"} : new String[] {"gate_proj", "up_proj", "down_proj"};
                feedForward(plan, expert, part + "experts." + i + ".", names, mlp.dMlp(), d, clamped);
            }
        }
        if (e.dShared() == null) return;
        if (checkpoint.has(from + "shared_mlp.input_linear.weight")) {
            Source ins = Source.of(from + "shared_mlp.input_linear.weight", 2L * e.dShared(), d);
            plan.put(to + "shared_expert.gate.weight", ins.rows(0, e.dShared()))
                    .put(to + "shared_expert.in.weight", ins.rows(e.dShared(), 2 * e.dShared()))
                    .linear(to + "shared_expert.out", from + "shared_mlp.output_linear", d, e.dShared(), false);
            return;
        }
        String shared = Stream.of("shared_experts.", "shared_mlp.")
                .filter(name -> checkpoint.has(part + name + "gate_proj.weight"))
                .findFirst()
                .orElse("shared_expert.");
        String[] names = {"gate_proj", "up_proj", "down_proj"};
        feedForward(plan, to + "shared_expert.", part + shared, names, e.dShared(), d, false);
        if (e.sharedGate()) plan.linear(to + "shared_expert_gate", part + "shared_expert_gate", 1, d, false);
    }

    /** Gemma 4's, parallel to the layer's MLP. */
    private static void parallelToMlp(WeightPlan plan, Mlp mlp, int d, String to, String from) {
        Experts e = mlp.experts();
        plan.linear(to + "router", from + "router.proj", e.count(), d, false)
                .put(to + "router.input_scale", Source.of(from + "router.scale", d))
                .put(to + "router.expert_scale", Source.of(from + "router.per_expert_scale", e.count()))
                .rmsNorm(to + "experts_norm", from + "pre_feedforward_layernorm_2", d)
                .rmsNorm(to + "experts_post_norm", from + "post_feedforward_layernorm_2", d)
                .rmsNorm(to + "shared_expert.post_norm", from + "post_feedforward_layernorm_1", d);
        for (int i = 0; i < e.count(); i++)
            together(
                    plan,
                    mlp,
                    d,
                    i,
                    to + "experts." + i + ".",
                    from + "experts.gate_up_proj",
                    from + "experts.down_proj");
        String[] names = {"gate_proj", "up_proj", "down_proj"};
        feedForward(plan, to + "shared_expert.", from + "mlp.", names, e.dShared(), d, false);
    }

    /** Beside the router's weight, in the mixture itself, or as ERNIE's [1, expert]. */
    private static Source choiceBias(String part, String router, int count, Checkpoint checkpoint) {
        String ernie = part + "moe_statics.e_score_correction_bias";
        if (checkpoint.has(ernie)) return Source.of(ernie, 1, count).flat();
        String bias = Stream.of("e_score_correction_bias", "expert_bias")
                .filter(name -> checkpoint.has(part + name))
                .findFirst()
                .orElse(router + ".e_score_correction_bias");
        return Source.of(part + bias, count);
    }

    private static void feedForward(
            WeightPlan plan, String to, String from, String[] names, int width, int d, boolean bias) {
        plan.linear(to + "gate", from + names[0], width, d, bias);
        plan.linear(to + "in", from + names[1], width, d, bias);
        plan.linear(to + "out", from + names[2], d, width, bias);
    }

    /** Expert i of Llama 4's tensors [expert, d_model, 2 d_mlp], gate first, and [expert, d_mlp, d_model]. */
    private static void transposed(WeightPlan plan, Mlp mlp, int d, int i, String to, String in, String out) {
        int count = mlp.experts().count();
        int m = mlp.dMlp();
        Source ins = Source.stacked(in, count, d, 2 * m).rows(d * i, d * (i + 1));
        plan.put(to + "gate.weight", ins.cols(0, m).transposed());
        plan.put(to + "in.weight", ins.cols(m, 2 * m).transposed());
        plan.put(
                to + "out.weight",
                Source.stacked(out, count, m, d).rows(m * i, m * (i + 1)).transposed());
    }

    /** Expert i of tensors [expert, 2 d_mlp, d_model], gate first, and [expert, d_model, d_mlp]. */
    private static void together(WeightPlan plan, Mlp mlp, int d, int i, String to, String in, String out) {
        int count = mlp.experts().count();
        int m = mlp.dMlp();
        Source ins = Source.stacked(in, count, 2 * m, d);
        plan.put(to + "gate.weight", ins.rows(2 * m * i, 2 * m * i + m));
        plan.put(to + "in.weight", ins.rows(2 * m * i + m, 2 * m * (i + 1)));
        plan.put(to + "out.weight", Source.stacked(out, count, d, m).rows(d * i, d * (i + 1)));
    }
}
