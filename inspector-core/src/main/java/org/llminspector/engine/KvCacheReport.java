package org.llminspector.engine;

import java.util.List;
import java.util.Set;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.ShortConv;

/**
 * KvCacheReport is the memory that keys and values take.
 *
 * <p>A layer's bytes are n_kv_heads x positions x (bytes of a key + bytes of a value), where a vector of d_head numbers takes
 * 4 d_head bytes in fp32, 2 d_head in fp16, d_head + 4 in int8 (its scale). Where keys and values are made of a latent vector, one
 * turned key and that vector are kept instead ({@link KvShape}). A layer with a short convolution has neither, and 0 here. Every position is kept, also by a layer with a
 * sliding window, which never reads one further back than that: {@link #needed}.
 *
 * @param positions positions held
 * @param dtype of the elements: {@code F32}; keys' and values' where they differ: {@code F16, I8}
 * @param formats of keys and values; null in what an older version wrote
 * @param bytes bytes in use, over all layers
 * @param allocatedBytes bytes set aside
 * @param layers bytes in use, a layer each
 * @param convStates bytes that layers with a short convolution keep beside it, a layer each, whatever the positions ({@link
 *     ConvState}); in none of the numbers above, and null of a model without such layers
 */
public record KvCacheReport(
        int positions,
        String dtype,
        KvFormats formats,
        long bytes,
        long allocatedBytes,
        List<Long> layers,
        List<Long> convStates) {
    public KvCacheReport {
        layers = List.copyOf(layers);
        convStates = convStates == null ? null : List.copyOf(convStates);
    }

    /** Of a model without short convolutions. */
    public KvCacheReport(
            int positions, String dtype, KvFormats formats, long bytes, long allocatedBytes, List<Long> layers) {
        this(positions, dtype, formats, bytes, allocatedBytes, layers, null);
    }

    /** Of a cache with memory for {@code maxPositions}. */
    public static KvCacheReport of(DecoderSpec spec, KvFormats formats, int positions, int maxPositions) {
        return of(spec, KvShape.of(spec, Set.of()), formats, positions, maxPositions);
    }

    /** @param shapes a layer each */
    public static KvCacheReport of(
            DecoderSpec spec, List<KvShape> shapes, KvFormats formats, int positions, int maxPositions) {
        List<Long> rows = shapes.stream().map(s -> s.bytes(formats)).toList();
        List<Long> layers = rows.stream().map(r -> r * positions).toList();
        long all = layers.stream().mapToLong(Long::longValue).sum();
        long allocated = rows.stream().mapToLong(r -> r * maxPositions).sum();
        String key = formats.key().dtype().name();
        String value = formats.value().dtype().name();
        return new KvCacheReport(
                positions,
                key.equals(value) ? key : key + ", " + value,
                formats,
                all,
                allocated,
                layers,
                ConvState.bytes(spec));
    }

    /** Bytes of each layer when every position is kept, as both engines do. */
    public static List<Long> kept(DecoderSpec spec, KvFormats formats, long positions) {
        return spec.layers().stream().map(l -> row(l, formats) * positions).toList();
    }

    /** Bytes of each layer when no more is kept than it will read again: a window w holds w positions at most. */
    public static List<Long> needed(DecoderSpec spec, KvFormats formats, long positions) {
        return spec.layers().stream()
                .map(l -> row(l, formats) * seen(l, positions))
                .toList();
    }

    /** Bytes of one position in one layer: n_kv_heads x (key + value), or of a latent vector and the shared key. */
    public static long row(LayerSpec layer, KvFormats formats) {
        return KvShape.of(layer).bytes(formats);
    }

    /** How many positions a token reads, itself included, that is the last of so many. */
    public static long seen(LayerSpec layer, long positions) {
        Integer window = layer.mixer() instanceof ShortConv c
                ? Integer.valueOf(c.width())
                : layer.attention().window();
        return window == null ? positions : Math.min(window, positions);
    }
}
