package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Set;
import java.util.SortedMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Keeps a store below a size by deleting the oldest entries. */
final class Retention {

    /** Removes one entry from a store; throws NoSuchFileException when it is already gone. */
    @FunctionalInterface
    interface Remover {
        void remove(String id) throws IOException;
    }

    private static final Logger LOG = LoggerFactory.getLogger(Retention.class);

    private Retention() {}

    /**
     * Deletes the oldest entries until the rest fits. Under the store's lock.
     *
     * @param bytes of each entry, by id; ids sort by time
     * @param spared ids that are never deleted
     */
    static void keep(long maxBytes, SortedMap<String, Long> bytes, Set<String> spared, Remover remover)
            throws IOException {
        long total = bytes.values().stream().mapToLong(Long::longValue).sum();
        for (var one : bytes.entrySet()) {
            if (total <= maxBytes) return;
            if (spared.contains(one.getKey())) continue;
            try {
                remover.remove(one.getKey());
                LOG.info("{} was evicted: its store is larger than {} bytes", one.getKey(), maxBytes);
            } catch (NoSuchFileException e) {
                // deleted concurrently
            }
            total -= one.getValue();
        }
    }
}
