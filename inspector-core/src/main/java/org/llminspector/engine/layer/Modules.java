package org.llminspector.engine.layer;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Recurrent;

/** Names of modules that read the same input, which a back end may multiply together. Prefixes end with a dot. */
public final class Modules {

    private Modules() {}

    /** Each such list of a layer, experts aside. */
    public static List<List<String>> together(int layer, LayerSpec spec) {
        String b = "blocks." + layer + ".";
        List<List<String>> all = new ArrayList<>();
        if (spec.convolves()) all.add(convolved(b + "conv."));
        if (spec.recurrence() != null) all.add(recurrent(b + "ssm.", spec.recurrence()));
        if (spec.recurrence() instanceof Mamba) all.add(selective(b + "ssm."));
        if (spec.attends() && spec.attention().latent() == null) all.add(qkv(b + "attn.", spec.attention()));
        else if (spec.attends()) {
            all.add(down(b + "attn.", spec.attention().latent()));
            all.add(up(b + "attn."));
        }
        Mlp mlp = spec.mlp();
        if (mlp.experts() == null && spec.feedsForward()) all.add(in(b + "mlp.", mlp));
        else if (mlp.experts() != null && mlp.experts().dShared() != null) all.add(in(b + "mlp.shared_expert.", mlp));
        return all;
    }

    /** Of attention: to queries, and to its own keys and values. */
    public static List<String> qkv(String attn, Attention a) {
        if (a.keysFrom() != null) return List.of(attn + "q");
        return a.valuesAreKeys() ? List.of(attn + "q", attn + "k") : List.of(attn + "q", attn + "k", attn + "v");
    }

    /** Of latent attention: to queries or their latent vector, to the latent vector of keys and values, to the shared key. */
    public static List<String> down(String attn, Latent l) {
        return List.of(attn + (l.dQuery() == null ? "q" : "q_down"), attn + "kv_down", attn + "k_rope");
    }

    /** From the latent vector to the heads' own parts of keys, and to their values. */
    public static List<String> up(String attn) {
        return List.of(attn + "k", attn + "v");
    }

    /** Of an MLP, an expert or the shared expert. */
    public static List<String> in(String mlp, Mlp m) {
        return m.gated() ? List.of(mlp + "gate", mlp + "in") : List.of(mlp + "in");
    }

    public static List<String> convolved(String conv) {
        return List.of(conv + "b", conv + "c", conv + "x");
    }

    /** Of a recurrence: those that read the layer's input. */
    public static List<String> recurrent(String ssm, Recurrent r) {
        return names(r).stream().map(n -> ssm + n).toList();
    }

    private static List<String> names(Recurrent r) {
        if (r instanceof Mamba2) return List.of("gate", "x", "b", "c", "dt");
        if (r instanceof Lightning) return List.of("q", "k", "v", "gate");
        if (!(r instanceof DeltaNet d)) return List.of("x", "gate");
        String down = d.dLatent() == null ? "" : "_down";
        return List.of("q", "k", "v", "beta", "gate" + down, "decay" + down);
    }

    /** Of Mamba: those that read its channels. */
    public static List<String> selective(String ssm) {
        return List.of(ssm + "dt_down", ssm + "b", ssm + "c");
    }

    /** The weight with one sink logit per head. */
    public static String sinks(int layer) {
        return "blocks." + layer + ".attn.sinks.weight";
    }
}
