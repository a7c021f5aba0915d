package org.llminspector.engine;

import java.util.List;
import org.llminspector.base.DType;
import org.llminspector.spec.DecoderSpec;

/**
 * KvCacheReport is the memory that keys and values take.
 *
 * @param positions positions held
 * @param dtype number format, for example {@code F32}
 * @param bytes bytes in use: 2 x n_kv_heads x d_head x positions x bytes of an element, over all layers
 * @param allocatedBytes bytes set aside
 * @param layers bytes in use, a layer each
 */
public record KvCacheReport(int positions, String dtype, long bytes, long allocatedBytes, List<Long> layers) {
    public KvCacheReport {
        layers = List.copyOf(layers);
    }

    /** Of a cache in one number format with memory for {@code maxPositions}. */
    public static KvCacheReport of(DecoderSpec spec, DType dtype, int positions, int maxPositions) {
        List<Long> perPosition = spec.layers().stream()
                .map(l -> 2L * l.attention().nKvHeads() * l.attention().dHead() * dtype.bytes())
                .toList();
        long all = perPosition.stream().mapToLong(Long::longValue).sum();
        List<Long> layers = perPosition.stream().map(b -> b * positions).toList();
        return new KvCacheReport(positions, dtype.name(), all * positions, all * maxPositions, layers);
    }
}
