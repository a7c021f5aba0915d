package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.Set;
import java.util.SortedMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Retention keeps a store below a size: the oldest go first. */
final class Retention {

    /** What takes one thing out of a store; a thing that is gone already is a NoSuchFileException. */
    @FunctionalInterface
    interface Remover {
        void remove(String id) throws IOException;
    }

    private static final Logger LOG = LoggerFactory.getLogger(Retention.class);

    private Retention() {}

    /**
     * Lets go of the oldest until the rest fits. Under the store's lock.
     *
     * @param bytes of each, by id; ids sort by time
     * @param spared ids that stay, however large
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
                // Deleted meanwhile.
            }
            total -= one.getValue();
        }
    }
}
