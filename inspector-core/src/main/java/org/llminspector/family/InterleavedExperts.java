package org.llminspector.family;

import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Mlp;

/**
 * Expert tensors of gpt-oss: all of a layer's experts in one tensor, gate and linear rows interleaved.
 *
 * <p>Unpacked, {@code gate_up_proj} is [expert, d_model, 2 d_mlp] and {@code down_proj} [expert, d_mlp, d_model]; in
 * MXFP4 they are [expert, 2 d_mlp, d_model] and [expert, d_model, d_mlp], and each matrix is decoded when it is read.
 */
final class InterleavedExperts {

    private InterleavedExperts() {}

    /**
     * Adds a layer's experts to the plan.
     *
     * @param to {@code blocks.i.mlp.experts.}
     * @param from their prefix in the files
     */
    static void put(WeightPlan plan, Mlp mlp, int d, String to, String from, Checkpoint checkpoint) {
        int count = mlp.experts().count();
        int m = mlp.dMlp();
        String in = from + "gate_up_proj";
        String out = from + "down_proj";
        for (int e = 0; e < count; e++) {
            String expert = to + e + ".";
            if (checkpoint.isPacked(in)) {
                plan.put(expert + "gate.weight", Source.packed(in, count, 2 * m, d, 2 * m * e, 2, m));
                plan.put(expert + "in.weight", Source.packed(in, count, 2 * m, d, 2 * m * e + 1, 2, m));
                plan.put(expert + "out.weight", Source.packed(out, count, d, m, d * e, 1, d));
            } else {
                Source ins = Source.stacked(in, count, d, 2 * m).rows(d * e, d * (e + 1));
                plan.put(expert + "gate.weight", ins.everyCol(0, 2).transposed());
                plan.put(expert + "in.weight", ins.everyCol(1, 2).transposed());
                Source outs = Source.stacked(out, count, m, d);
                plan.put(expert + "out.weight", outs.rows(m * e, m * (e + 1)).transposed());
            }
            Source biases = Source.of(in + "_bias", count, 2L * m);
            plan.put(expert + "gate.bias", biases.row(e).everyBlock(1, 0, 2));
            plan.put(expert + "in.bias", biases.row(e).everyBlock(1, 1, 2));
            plan.put(expert + "out.bias", Source.of(out + "_bias", count, d).row(e));
        }
    }
}
