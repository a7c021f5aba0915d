package org.llminspector.run.models;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Mixer;
import org.llminspector.spec.ShortConv;

/**
 * The layers of a decoder whose positions are mixed in one way.
 *
 * @param kind attention, latent attention, gated delta net, Mamba 2 and others; MLP or experts for a layer without a mixer
 * @param layers their indices
 */
public record LayerKind(String kind, List<Integer> layers) {

    /** Every kind, in the order of its first layer. */
    static List<LayerKind> of(DecoderSpec spec) {
        Map<String, List<Integer>> kinds = new LinkedHashMap<>();
        for (int i = 0; i < spec.nLayers(); i++)
            kinds.computeIfAbsent(kind(spec.layers().get(i)), k -> new ArrayList<>())
                    .add(i);
        return kinds.entrySet().stream()
                .map(e -> new LayerKind(e.getKey(), List.copyOf(e.getValue())))
                .toList();
    }

    private static String kind(LayerSpec layer) {
        if (layer.mixer() == null) return layer.mlp().experts() == null ? "MLP" : "experts";
        if (layer.mixer() instanceof LayerSpec.Both both)
            return kind(both.attention()) + " and " + kind(both.recurrence());
        return kind(layer.mixer());
    }

    private static String kind(Mixer mixer) {
        if (mixer instanceof Attention a) return a.latent() == null ? "attention" : "latent attention";
        if (mixer instanceof ShortConv) return "short convolution";
        if (mixer instanceof DeltaNet) return "gated delta net";
        if (mixer instanceof Lightning) return "lightning attention";
        if (mixer instanceof Mamba2) return "Mamba 2";
        return mixer instanceof Mamba ? "Mamba" : "RG-LRU";
    }

    /** Indices in words: {@code 0-2, 4-6}. */
    public String ranges() {
        List<String> ranges = new ArrayList<>();
        for (int from = 0; from < layers.size(); ) {
            int to = from;
            while (to + 1 < layers.size() && layers.get(to + 1) == layers.get(to) + 1) to++;
            ranges.add(from == to ? layers.get(from).toString() : layers.get(from) + "-" + layers.get(to));
            from = to + 1;
        }
        return String.join(", ", ranges);
    }
}
