package org.llminspector.engine;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * KvShape is what a layer keeps of each position: {@code heads} vectors of {@code key} numbers, and as many of {@code value}.
 *
 * <p>Those are the heads' turned keys and values; where they are made of a latent vector, it is the turned key that the heads
 * share, as the key, and that vector, as the value, both once. Where such a layer's keys or values are themselves changed they
 * are kept instead: they could not be made again.
 *
 * @param whole whether the heads' keys and values are what is kept
 */
public record KvShape(int heads, int key, int value, boolean whole) {

    /** Of a layer with a short convolution: nothing of each position ({@link ConvState}). */
    private static final KvShape NONE = new KvShape(0, 0, 0, true);

    /** Of a layer in which nothing is changed. */
    public static KvShape of(LayerSpec layer) {
        return layer.mixer() instanceof Attention a ? of(a, a.latent() == null) : NONE;
    }

    private static KvShape of(Attention a, boolean whole) {
        if (whole) return new KvShape(a.nKvHeads(), a.dHead(), a.dValue(), true);
        return new KvShape(1, a.rope().rotaryDims(), a.latent().dLatent(), false);
    }

    /** Of every layer. */
    public static List<KvShape> of(DecoderSpec spec, Set<HookId> changed) {
        List<KvShape> layers = new ArrayList<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            LayerSpec layer = spec.layers().get(i);
            boolean kept = changed.contains(new HookId(HookPoint.K, i))
                    || changed.contains(new HookId(HookPoint.ROT_K, i))
                    || changed.contains(new HookId(HookPoint.V, i));
            layers.add(kept ? of(layer.attention(), true) : of(layer));
        }
        return layers;
    }

    /** Bytes of one position, the scales of codes with them. */
    public long bytes(KvFormats formats) {
        return heads * (formats.key().bytes(key) + formats.value().bytes(value));
    }
}
