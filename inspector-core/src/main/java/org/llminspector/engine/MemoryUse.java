package org.llminspector.engine;

/**
 * Memory of an open model.
 *
 * @param resident bytes allocated by this process: converted weights, copies packed for the kernels, buffers kept for
 *     captures
 * @param mapped bytes of memory-mapped files, which the system may evict at any time
 */
public record MemoryUse(long resident, long mapped) {

    public MemoryUse plus(MemoryUse other) {
        return new MemoryUse(resident + other.resident, mapped + other.mapped);
    }
}
