package org.llminspector.family;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Activation;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Norm;

/** Config fields and tensors of delta nets: Qwen's, with parts in one tensor, and those of OLMo and Kimi. */
final class DeltaNets {

    private DeltaNets() {}

    /**
     * In the fields of Qwen3-Next, 3.5 and OLMo hybrid.
     *
     * @param eps of the norm of what is read
     */
    static DeltaNet spec(Config c, float betaFactor, double eps) {
        int heads = c.size("linear_num_value_heads", 32);
        int keyHeads = c.size("linear_num_key_heads", 16);
        if (heads % keyHeads != 0) throw c.wrong("linear_num_key_heads", "a divisor of " + heads, keyHeads);
        return new DeltaNet(
                heads,
                c.size("linear_value_head_dim", 128),
                c.size("linear_key_head_dim", 128),
                keyHeads,
                c.size("linear_conv_kernel_dim", 4),
                1,
                betaFactor,
                Activation.SILU,
                new Norm(Norm.Kind.RMS, eps),
                null);
    }

    static void put(WeightPlan plan, DeltaNet n, int d, String to, String from, Checkpoint checkpoint) {
        int heads = n.nHeads();
        boolean qwen = checkpoint.has(from + "out_proj.weight");
        Source rates = checkpoint.info(from + "A_log").shape().size() == 1
                ? Source.of(from + "A_log", heads)
                : Source.of(from + "A_log", 1, 1, heads, 1).flat();
        plan.put(to + "a.weight", rates.changed(StateSpaces::negativeExp))
                .put(to + "dt_bias.weight", Source.of(from + "dt_bias", (long) heads * n.decays()))
                .norm(n.norm(), to + "norm", from + (qwen ? "norm" : "o_norm"), n.dHead())
                .linear(to + "out", from + (qwen ? "out_proj" : "o_proj"), d, heads * n.dHead(), false);
        if (checkpoint.has(from + "in_proj_qkvz.weight")) interleaved(plan, n, d, to, from);
        else if (qwen) split(plan, n, d, to, from, checkpoint);
        else apart(plan, n, d, to, from);
        if (qwen) StateSpaces.kernel(plan, n, false, to, from + "conv1d");
        else plan.put(to + "kernel.weight", kernels(n, from, checkpoint));
    }

    /** Qwen3-Next: of each key head its q, k, v and gate, and its beta and decay. */
    private static void interleaved(WeightPlan plan, DeltaNet n, int d, String to, String from) {
        int each = n.nHeads() / n.nKeyHeads();
        int value = each * n.dHead();
        int all = 2 * n.dState() + 2 * value;
        Source in = Source.of(from + "in_proj_qkvz.weight", (long) n.nKeyHeads() * all, d);
        int unit = BigInteger.valueOf(n.dState()).gcd(BigInteger.valueOf(value)).intValue();
        int key = n.dState() / unit;
        int width = value / unit;
        int of = all / unit;
        plan.put(to + "q.weight", in.everyBlock(unit, 0, key, of))
                .put(to + "k.weight", in.everyBlock(unit, key, 2 * key, of))
                .put(to + "v.weight", in.everyBlock(unit, 2 * key, 2 * key + width, of))
                .put(to + "gate.weight", in.everyBlock(unit, 2 * key + width, of, of));
        rates(plan, n, d, to, from);
    }

    /** Of each key head the beta of its heads, then their decays. */
    private static void rates(WeightPlan plan, DeltaNet n, int d, String to, String from) {
        int each = n.nHeads() / n.nKeyHeads();
        Source rates = Source.of(from + "in_proj_ba.weight", 2L * n.nHeads(), d);
        plan.put(to + "beta.weight", rates.everyBlock(each, 0, 2))
                .put(to + "decay.weight", rates.everyBlock(each, 1, 2));
    }

    /** Qwen 3.5: q, k and v in one tensor. */
    private static void split(WeightPlan plan, DeltaNet n, int d, String to, String from, Checkpoint checkpoint) {
        int keys = n.nKeyHeads() * n.dState();
        int values = n.nHeads() * n.dHead();
        StateSpaces.split(
                plan, false, d, to, from + "in_proj_qkv", List.of("q", "k", "v"), List.of(keys, keys, values));
        plan.linear(to + "gate", from + "in_proj_z", values, d, false);
        if (checkpoint.has(from + "in_proj_ba.weight")) { // Qwen3-Next in llama.cpp
            rates(plan, n, d, to, from);
            return;
        }
        plan.linear(to + "beta", from + "in_proj_b", n.nHeads(), d, false)
                .linear(to + "decay", from + "in_proj_a", n.nHeads(), d, false);
    }

    private static void apart(WeightPlan plan, DeltaNet n, int d, String to, String from) {
        int keys = n.nKeyHeads() * n.dState();
        int values = n.nHeads() * n.dHead();
        plan.linear(to + "q", from + "q_proj", keys, d, false)
                .linear(to + "k", from + "k_proj", keys, d, false)
                .linear(to + "v", from + "v_proj", values, d, false)
                .linear(to + "beta", from + "b_proj", n.nHeads(), d, false);
        if (n.dLatent() == null) {
            plan.linear(to + "gate", from + "g_proj", values, d, false)
                    .linear(to + "decay", from + "a_proj", n.nHeads(), d, false);
            return;
        }
        plan.linear(to + "gate_down", from + "g_a_proj", n.dLatent(), d, false)
                .linear(to + "gate", from + "g_b_proj", values, n.dLatent(), false)
                .linear(to + "decay_down", from + "f_a_proj", n.dLatent(), d, false)
                .linear(to + "decay", from + "f_b_proj", n.nHeads() * n.decays(), n.dLatent(), false);
    }

    /** The kernels of q, k and v, one tensor each, whose rows in sequence are those of all channels. */
    private static Source kernels(DeltaNet n, String from, Checkpoint checkpoint) {
        List<String> names = List.of(from + "q_conv1d.weight", from + "k_conv1d.weight", from + "v_conv1d.weight");
        List<long[]> shapes = new ArrayList<>();
        for (String name : names) {
            long rows = checkpoint.info(name).shape().get(0);
            shapes.add(new long[] {rows, 1, n.width()});
        }
        int channels = n.channels();
        int width = n.width();
        List<Long> first = List.of(shapes.get(0)[0], 1L, (long) width);
        Source joined = new Source(
                names.get(0),
                first,
                List.of((long) channels, (long) width),
                files -> {
                    float[] all = new float[channels * width];
                    int at = 0;
                    for (int i = 0; i < names.size(); i++) {
                        float[] part = files.get(names.get(i), shapes.get(i)).toFloats();
                        System.arraycopy(part, 0, all, at, Math.min(part.length, all.length - at));
                        at += part.length;
                    }
                    if (at != all.length) throw new IllegalStateException(from + " has kernels of other channels");
                    return Tensor.of(all, channels, width);
                },
                null);
        return joined.transposed();
    }
}
