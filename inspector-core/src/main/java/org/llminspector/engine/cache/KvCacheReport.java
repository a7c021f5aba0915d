package org.llminspector.engine.cache;

import java.util.List;
import java.util.Set;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.ShortConv;

/**
 * Memory use of a KV cache.
 *
 * <p>A layer takes n_kv_heads x positions x (bytes of a key + bytes of a value); a vector of d_head numbers takes 4
 * d_head bytes in fp32, 2 d_head in fp16, d_head + 4 in int8 (with its scale). With latent attention, one rotated key
 * and the latent vector are kept instead ({@link KvShape}). A layer without attention, or with the keys of
 * another, has 0 here. Every position
 * is kept, also in a layer with a sliding window, which only reads its window: {@link #windowedPositions}.
 *
 * @param positions positions in the cache
 * @param dtype of the elements: {@code F32}; of keys and values where they differ: {@code F16, I8}
 * @param formats of keys and values; null in a file written by an older version
 * @param bytes bytes in use, over all layers
 * @param allocatedBytes bytes allocated
 * @param layers bytes in use per layer
 * @param convStates bytes of the states of short convolutions and recurrences per layer, independent of the positions
 *     ({@link LayerState}); not included in the numbers above; null for a model without such layers
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

    /** For a model without such states. */
    public KvCacheReport(
            int positions, String dtype, KvFormats formats, long bytes, long allocatedBytes, List<Long> layers) {
        this(positions, dtype, formats, bytes, allocatedBytes, layers, null);
    }

    /** For a cache with a capacity of {@code maxPositions}. */
    public static KvCacheReport of(DecoderSpec spec, KvFormats formats, int positions, int maxPositions) {
        return of(spec, KvShape.of(spec, Set.of()), formats, positions, maxPositions);
    }

    /** @param shapes one per layer */
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
                LayerState.bytes(spec));
    }

    /** Bytes per layer when every position is kept, as both engines do. */
    public static List<Long> allPositions(DecoderSpec spec, KvFormats formats, long positions) {
        return spec.layers().stream().map(l -> row(l, formats) * positions).toList();
    }

    /** Bytes per layer when only positions that will be read again are kept: with a window of w, at most w. */
    public static List<Long> windowedPositions(DecoderSpec spec, KvFormats formats, long positions) {
        return spec.layers().stream()
                .map(l -> row(l, formats) * seen(l, positions))
                .toList();
    }

    /** Bytes of one position in one layer: n_kv_heads x (key + value), or the latent vector and the shared key. */
    public static long row(LayerSpec layer, KvFormats formats) {
        return KvShape.of(layer).bytes(formats);
    }

    /** How many positions the last of {@code positions} tokens reads, itself included. */
    public static long seen(LayerSpec layer, long positions) {
        if (layer.mixer() instanceof ShortConv c) return Math.min(c.width(), positions);
        if (!layer.attends()) return Math.min(1, positions);
        int last = Math.toIntExact(positions - 1);
        return positions - (last < 0 ? 0 : layer.attention().reach().first(last));
    }
}
