package org.llminspector.family;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.MlpBuilder;

/** MLPs of Gemma 3n: each layer has its own width, and may use only its highest gates. */
final class SparseMlps {

    /** The share of neurons that are 0 in the first layers of a model whose config does not say it. */
    private static final double SHARE = 0.95;

    private static final int FIRST = 10;

    private final Config c;
    private final int nLayers;
    private final List<JsonNode> widths; // null where all are alike
    private final List<JsonNode> sparsity; // null for the default

    SparseMlps(Config c, int nLayers) {
        this.c = c;
        this.nLayers = nLayers;
        boolean listed = c.node("intermediate_size").isArray();
        this.widths = listed ? c.perLayer("intermediate_size", nLayers) : null;
        this.sparsity = c.perLayer("activation_sparsity_pattern", nLayers);
    }

    Mlp of(int layer, Mlp mlp) {
        double share = sparsity == null
                ? (nLayers > FIRST && layer < FIRST ? SHARE : 0)
                : sparsity.get(layer).asDouble(-1);
        if (!(share >= 0 && share < 1)) throw c.wrong("activation_sparsity_pattern", "shares from 0 to below 1", share);
        return MlpBuilder.builder(mlp)
                .dMlp(width(layer))
                .cutoff(share == 0 ? null : NormalQuantile.of((float) share))
                .build();
    }

    private int width(int layer) {
        if (widths == null) return c.size("intermediate_size");
        JsonNode width = widths.get(layer);
        if (width.canConvertToInt() && width.asInt() > 0) return width.asInt();
        throw c.wrong("intermediate_size", "a size, or one for each layer", width);
    }
}
