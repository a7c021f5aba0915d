package org.llminspector.engine.layer;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/** Names of modules that read the same input, which a back end may multiply together. Prefixes end with a dot. */
public final class Modules {

    private Modules() {}

    /** Each such list of a layer, experts aside. */
    public static List<List<String>> together(int layer, LayerSpec spec) {
        String b = "blocks." + layer + ".";
        List<List<String>> all = new ArrayList<>();
        if (!spec.attends()) all.add(convolved(b + "conv."));
        else if (spec.attention().latent() == null) all.add(qkv(b + "attn."));
        else {
            all.add(down(b + "attn.", spec.attention().latent()));
            all.add(up(b + "attn."));
        }
        Mlp mlp = spec.mlp();
        if (mlp.experts() == null) all.add(in(b + "mlp.", mlp));
        else if (mlp.experts().dShared() != null) all.add(in(b + "mlp.shared_expert.", mlp));
        return all;
    }

    public static List<String> qkv(String attn) {
        return List.of(attn + "q", attn + "k", attn + "v");
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

    /** The weight with one sink logit per head. */
    public static String sinks(int layer) {
        return "blocks." + layer + ".attn.sinks.weight";
    }
}
