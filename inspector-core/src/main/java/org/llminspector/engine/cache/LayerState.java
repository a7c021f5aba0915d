package org.llminspector.engine.cache;

import java.util.List;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.ShortConv;

/**
 * What a layer keeps between two passes whatever the sequence's length, in addition to the KV cache, in float32 whatever
 * the cache's format; zeros before the first position.
 *
 * @param past positions that a short convolution keeps
 * @param channels values of each
 * @param heads of a recurrence's state, with dHead x dState values each
 */
public record LayerState(int past, int channels, int heads, int dHead, int dState) {

    /** Of one layer; of attention alone, nothing. */
    public static LayerState of(DecoderSpec spec, LayerSpec layer) {
        if (layer.mixer() instanceof ShortConv conv) return new LayerState(conv.past(), spec.dModel(), 0, 0, 0);
        Recurrent r = layer.recurrence();
        if (r == null) return new LayerState(0, 0, 0, 0, 0);
        return new LayerState(r.past(), r.channels(), r.nHeads(), r.dHead(), r.dState());
    }

    /** Values of the convolution's state. */
    public int convolution() {
        return past * channels;
    }

    /** Values of the recurrence's state. */
    public int recurrence() {
        return Math.multiplyExact(Math.multiplyExact(heads, dHead), dState);
    }

    public long bytes() {
        return ((long) convolution() + recurrence()) * Float.BYTES;
    }

    /** Whether any layer of the model has one. */
    public static boolean any(DecoderSpec spec) {
        return spec.layers().stream().anyMatch(l -> of(spec, l).bytes() > 0);
    }

    /** Bytes per layer; null for a model without such layers. */
    public static List<Long> bytes(DecoderSpec spec) {
        return any(spec) ? spec.layers().stream().map(l -> of(spec, l).bytes()).toList() : null;
    }
}
