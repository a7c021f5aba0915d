package org.llminspector.engine;

/**
 * MemoryUse is what an open model holds.
 *
 * @param resident bytes that are this process's own: converted weights, copies packed for the kernels, memory kept for captures
 * @param mapped bytes of its files that are read in place: the system keeps them in memory only as long as it likes
 */
public record MemoryUse(long resident, long mapped) {

    public MemoryUse plus(MemoryUse other) {
        return new MemoryUse(resident + other.resident, mapped + other.mapped);
    }
}
