package org.llminspector.engine.cache;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * What a layer caches per position: {@code heads} vectors of {@code key} numbers, and the same count of {@code value}
 * numbers.
 *
 * <p>These are the heads' rotated keys and values. With latent attention (MLA) they are one rotated key, shared by the
 * heads, as the key and the latent vector as the value; but if an intervention changes the layer's keys or values, the
 * heads' own are cached: they could not be recomputed from the latent vector.
 *
 * @param whole whether the heads' own keys and values are cached
 */
public record KvShape(int heads, int key, int value, boolean whole) {

    /** Of a layer that caches nothing per position: without attention ({@link LayerState}), or with another's keys. */
    private static final KvShape NONE = new KvShape(0, 0, 0, true);

    /** Of a layer without interventions. */
    public static KvShape of(LayerSpec layer) {
        if (!layer.attends() || layer.attention().keysFrom() != null) return NONE;
        return of(layer.attention(), layer.attention().latent() == null);
    }

    private static KvShape of(Attention a, boolean whole) {
        if (whole) return new KvShape(a.nKvHeads(), a.dHead(), a.dValue(), true);
        return new KvShape(1, a.latent().dShared(), a.latent().dLatent(), false);
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

    /** Bytes of one position, including the scales of codes. */
    public long bytes(KvFormats formats) {
        return heads * (formats.key().bytes(key) + formats.value().bytes(value));
    }
}
