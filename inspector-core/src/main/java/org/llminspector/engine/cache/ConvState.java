package org.llminspector.engine.cache;

import java.util.List;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.ShortConv;

/**
 * State of a short-convolution layer between two passes, kept in addition to the KV cache: b * x of the last positions
 * that the next position reads, [past, d_model], in float32 whatever the cache's format; zeros before the first
 * position.
 */
public final class ConvState {

    private ConvState() {}

    /** Positions that a layer keeps, independent of the sequence's length; 0 for a layer with attention. */
    public static int past(LayerSpec layer) {
        return layer.mixer() instanceof ShortConv conv ? conv.past() : 0;
    }

    /** Bytes of one layer. */
    public static long bytes(DecoderSpec spec, LayerSpec layer) {
        return (long) past(layer) * spec.dModel() * Float.BYTES;
    }

    /** Bytes per layer; null for a model without such layers. */
    public static List<Long> bytes(DecoderSpec spec) {
        if (spec.layers().stream().allMatch(LayerSpec::attends)) return null;
        return spec.layers().stream().map(layer -> bytes(spec, layer)).toList();
    }
}
