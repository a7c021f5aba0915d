package org.llminspector.engine;

import java.util.List;

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
}
