package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import java.util.function.BiFunction;
import org.llminspector.base.Tensor;
import org.llminspector.family.WeightPlan.Source;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mixer;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Recurrent;

/** Config fields and tensors that families with Mamba or Mamba 2 layers share. */
final class StateSpaces {

    /** The context of a model that names none: a recurrence reads any length in the same memory. */
    static final int ANY_LENGTH = 1 << 20;

    private StateSpaces() {}

    /** Mamba 2 in the fields of the hybrids, {@code mamba_n_heads} and others; its gated norm may be null. */
    static Mamba2 hybrid(Config c, Norm norm, int normGroups, boolean normBeforeGate) {
        c.ignore("mamba_chunk_size");
        int heads = c.size("mamba_n_heads", 128);
        int width = c.has("mamba_d_ssm")
                ? c.size("mamba_d_ssm")
                : c.product("mamba_expand", c.size("hidden_size"), c.size("mamba_expand", 2));
        c.ignore("mamba_expand", "mamba_d_ssm");
        JsonNode each = c.node("mamba_d_head");
        int dHead = each == null || each.isTextual() ? width / heads : c.size("mamba_d_head");
        if ((long) heads * dHead != width) throw c.wrong("mamba_n_heads", width + " / mamba_d_head", heads);
        return mamba2(
                c,
                heads,
                dHead,
                c.size("mamba_d_state", 256),
                c.size("mamba_n_groups", 1),
                c.size("mamba_d_conv", 4),
                norm,
                normGroups,
                normBeforeGate,
                c.flag("mamba_proj_bias", false),
                c.flag("mamba_conv_bias", true));
    }

    /** The mixer of each layer by config {@code layer_types}: attention, or this recurrence. */
    static BiFunction<Integer, Attention, Mixer> layers(Config c, int layers, Recurrent r) {
        return (i, attention) -> attends(c, i, layers) ? attention : r;
    }

    /** Whether a layer has attention by config {@code layer_types}, or else is the last of four. */
    static boolean attends(Config c, int i, int layers) {
        c.node("full_attention_interval");
        List<JsonNode> types = c.perLayer("layer_types", layers);
        if (types == null) return i % c.size("full_attention_interval", 4) == c.size("full_attention_interval", 4) - 1;
        String type = types.get(i).asText();
        if (type.equals("full_attention") || type.equals("attention")) return true;
        if (type.equals("linear_attention") || type.equals("mamba")) return false;
        throw c.wrong("layer_types", "full_attention or linear_attention", type);
    }

    /** Mamba 2 of these sizes, with the config's {@code time_step_limit}. */
    static Mamba2 mamba2(
            Config c,
            int heads,
            int dHead,
            int dState,
            int groups,
            int width,
            Norm norm,
            int normGroups,
            boolean normBeforeGate,
            boolean bias,
            boolean convBias) {
        if (heads % groups != 0) throw c.wrong("n_groups", "a divisor of " + heads + " heads", groups);
        if (normGroups > 1 && heads * dHead % normGroups != 0) throw c.wrong("n_groups", "a divisor", normGroups);
        JsonNode limit = c.node("time_step_limit");
        double least =
                limit == null ? 0 : c.finite("time_step_limit", limit.path(0).asDouble(0));
        JsonNode most = limit == null ? null : limit.path(1);
        Float largest = most != null && most.isNumber() && Float.isFinite(most.floatValue()) ? most.floatValue() : null;
        return new Mamba2(
                heads,
                dHead,
                dState,
                groups,
                width,
                (float) least,
                largest,
                norm,
                normGroups,
                normBeforeGate,
                bias,
                convBias);
    }

    /** A Mamba 2 mixer's tensors: one projection has the rows of gate, x, B, C and dt. */
    static void put(WeightPlan plan, Mamba2 m, int d, String to, String from) {
        int width = m.nHeads() * m.dHead();
        int keys = m.nKeyHeads() * m.dState();
        split(
                plan,
                m.bias(),
                d,
                to,
                from + "in_proj",
                List.of("gate", "x", "b", "c", "dt"),
                List.of(width, width, keys, keys, m.nHeads()));
        kernel(plan, m, m.convBias(), to, from + "conv1d");
        plan.put(to + "dt_bias.weight", Source.of(from + "dt_bias", m.nHeads()))
                .put(to + "a.weight", Source.of(from + "A_log", m.nHeads()).changed(StateSpaces::negativeExp))
                .put(to + "d.weight", Source.of(from + "D", m.nHeads()))
                .norm(m.norm(), to + "norm", from + "norm", width)
                .linear(to + "out", from + "out_proj", d, width, m.bias());
    }

    /** A Mamba mixer's tensors; its norms, where they have weights, are named as Jamba does. */
    static void put(WeightPlan plan, Mamba m, int d, String to, String from) {
        split(plan, m.bias(), d, to, from + "in_proj", List.of("x", "gate"), List.of(m.dHead(), m.dHead()));
        kernel(plan, m, m.convBias(), to, from + "conv1d");
        List<Integer> sizes = List.of(m.dRank(), m.dState(), m.dState());
        split(plan, false, m.dHead(), to, from + "x_proj", List.of("dt_down", "b", "c"), sizes);
        plan.norm(m.partNorm(), to + "dt_norm", from + "dt_layernorm", m.dRank())
                .norm(m.partNorm(), to + "b_norm", from + "b_layernorm", m.dState())
                .norm(m.partNorm(), to + "c_norm", from + "c_layernorm", m.dState())
                .linear(to + "dt", from + "dt_proj", m.dHead(), m.dRank(), true)
                .put(
                        to + "a.weight",
                        Source.of(from + "A_log", m.dHead(), m.dState()).changed(StateSpaces::negativeExp))
                .put(to + "d.weight", Source.of(from + "D", m.dHead()))
                .linear(to + "out", from + "out_proj", d, m.dHead(), m.bias());
    }

    /** Modules whose rows one tensor has in sequence. */
    static void split(
            WeightPlan plan, boolean bias, int in, String to, String from, List<String> names, List<Integer> rows) {
        int all = rows.stream().mapToInt(Integer::intValue).sum();
        int at = 0;
        for (int i = 0; i < names.size(); i++) {
            int end = at + rows.get(i);
            plan.put(
                    to + names.get(i) + ".weight",
                    Source.of(from + ".weight", all, in).rows(at, end));
            if (bias)
                plan.put(
                        to + names.get(i) + ".bias",
                        Source.of(from + ".bias", all).rows(at, end));
            at = end;
        }
    }

    /** The kernel of a short convolution, stored [channel, 1, width]. */
    static void kernel(WeightPlan plan, Recurrent r, boolean bias, String to, String from) {
        Source kernel = Source.of(from + ".weight", r.channels(), 1, r.width());
        plan.put(
                to + "kernel.weight",
                kernel.shaped(List.of((long) r.channels(), (long) r.width())).transposed());
        if (bias) plan.put(to + "kernel.bias", Source.of(from + ".bias", r.channels()));
    }

    /** -exp of what the files have: the rate at which a state decays. */
    static Tensor negativeExp(Tensor log) {
        float[] values = log.toFloats();
        for (int i = 0; i < values.length; i++) values[i] = (float) -Math.exp(values[i]);
        return Tensor.of(values, log.shape());
    }
}
