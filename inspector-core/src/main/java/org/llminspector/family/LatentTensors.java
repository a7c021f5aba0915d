package org.llminspector.family;

import java.math.BigInteger;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Latent;

/**
 * Tensors of DeepSeek's attention ({@link Latent}). In the files a head's rotary part comes last and RoPE rotates
 * interleaved pairs; here it comes first and RoPE rotates halves, as in every other family.
 */
final class LatentTensors {

    private LatentTensors() {}

    /**
     * Adds a layer's tensors to the plan.
     *
     * @param to {@code blocks.i.attn.}
     * @param from {@code model.layers.i.self_attn.}
     */
    static void put(WeightPlan plan, DecoderSpec s, Attention a, String to, String from, Checkpoint checkpoint) {
        boolean neighbours =
                a.rope() != null && checkpoint.config().path("rope_interleave").asBoolean(true);
        Latent l = a.latent();
        int d = s.dModel();
        int rotaryDims = a.latent().dShared();
        int own = a.dHead() - rotaryDims;
        long heads = (long) a.nHeads() * a.dHead();
        boolean bias = a.qkvBias();
        if (l.dQuery() == null) {
            plan.put(to + "q.weight", query(Source.of(from + "q_proj.weight", heads, d), a, neighbours));
        } else {
            plan.linear(to + "q_down", from + "q_a_proj", l.dQuery(), d, bias)
                    .norm(l.norm(), to + "q_latent_norm", from + "q_a_layernorm", l.dQuery())
                    .put(to + "q.weight", query(Source.of(from + "q_b_proj.weight", heads, l.dQuery()), a, neighbours));
        }
        String down = from + "kv_a_proj_with_mqa";
        int rows = l.dLatent() + rotaryDims;
        put(plan, to, ".weight", Source.of(down + ".weight", rows, d), l.dLatent(), rotaryDims, neighbours);
        if (bias) put(plan, to, ".bias", Source.of(down + ".bias", rows), l.dLatent(), rotaryDims, neighbours);
        plan.norm(l.norm(), to + "kv_latent_norm", from + "kv_a_layernorm", l.dLatent());
        up(plan, a, to, from, own, checkpoint);
        plan.linear(to + "o", from + "o_proj", d, a.nHeads() * l.dValue(), a.outBias());
    }

    /**
     * Up-projections from the latent vector to keys' own parts and values: head by head in one tensor, or in two
     * (llama.cpp).
     */
    private static void up(WeightPlan plan, Attention a, String to, String from, int own, Checkpoint checkpoint) {
        int latent = a.latent().dLatent();
        int value = a.latent().dValue();
        if (!checkpoint.has(from + "kv_b_proj.weight") && checkpoint.has(from + "k_b_proj.weight")) {
            plan.linear(to + "k", from + "k_b_proj", a.nHeads() * own, latent, false)
                    .linear(to + "v", from + "v_b_proj", a.nHeads() * value, latent, false);
            return;
        }
        Source up = Source.of(from + "kv_b_proj.weight", (long) a.nHeads() * (own + value), latent);
        int block = BigInteger.valueOf(own).gcd(BigInteger.valueOf(value)).intValue();
        int all = (own + value) / block;
        plan.put(to + "k.weight", up.everyBlock(block, 0, own / block, all))
                .put(to + "v.weight", up.everyBlock(block, own / block, all, all));
    }

    private static Source query(Source all, Attention a, boolean neighbours) {
        int rotaryDims = a.latent().dShared();
        Source first = all.lastFirst(a.dHead(), rotaryDims);
        return neighbours ? first.rotatedInHalves(a.dHead(), rotaryDims) : first;
    }

    /** Splits the down-projection: the latent vector's rows, then those of the rotary key that all heads share. */
    private static void put(
            WeightPlan plan, String to, String end, Source down, int latent, int rotaryDims, boolean neighbours) {
        Source shared = down.rows(latent, latent + rotaryDims);
        plan.put(to + "kv_down" + end, down.rows(0, latent))
                .put(to + "k_rope" + end, neighbours ? shared.rotatedInHalves(rotaryDims, rotaryDims) : shared);
    }
}
