package org.llminspector.family;

import org.llminspector.spec.Experts;
import org.llminspector.spec.ExpertsBuilder;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.MlpBuilder;
import org.llminspector.spec.Norm;

/** MLPs of Gemma 4: of twice the width in layers that read others' keys, or with a mixture parallel to them. */
final class GemmaMlps {

    private final Config c;
    private final boolean wide;
    private final Experts experts; // null for none
    private final int dExpert;

    GemmaMlps(Config c, Norm norm) {
        this.c = c;
        this.wide = c.flag("use_double_wide_mlp", false);
        boolean mixture = c.flag("enable_moe_block", false);
        if (!mixture) c.ignore("num_experts", "top_k_experts", "moe_intermediate_size");
        this.experts = mixture ? experts(c, norm) : null;
        this.dExpert = mixture ? c.size("moe_intermediate_size") : 0;
    }

    private static Experts experts(Config c, Norm norm) {
        int count = c.size("num_experts");
        int active = c.size("top_k_experts");
        if (active > count) throw c.wrong("top_k_experts", "at most " + count + " experts", active);
        return ExpertsBuilder.builder()
                .count(count)
                .active(active)
                .renormalised(true)
                .parallelNorm(norm)
                .build();
    }

    /** Of a layer with a dense MLP, which becomes the shared expert of a mixture. */
    Mlp of(LayerSpec layer) {
        int width = layer.mlp().dMlp();
        if (wide && layer.attention().keysFrom() != null) width = c.product("intermediate_size", width, 2);
        MlpBuilder mlp = MlpBuilder.builder(layer.mlp());
        if (experts == null) return mlp.dMlp(width).build();
        return mlp.dMlp(dExpert)
                .experts(ExpertsBuilder.builder(experts).dShared(width).build())
                .build();
    }
}
