package org.llminspector.run.store;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.llminspector.base.Writes;

/**
 * Lock for maintenance of a store (cleanup, index rebuild, eviction), held by one thread of one process at a time.
 *
 * <p>Saving a run needs no lock. The file lock ends with its process, so that a killed one never blocks the others.
 * File locks belong to the whole JVM, hence the second lock among its threads.
 */
final class StoreLock {

    private static final ConcurrentHashMap<Path, ReentrantLock> LOCAL = new ConcurrentHashMap<>();

    private final Path file;
    private final ReentrantLock local;

    /** @param dir the store's real path */
    StoreLock(Path dir) {
        this.file = dir.resolve(".store.lock");
        this.local = LOCAL.computeIfAbsent(file, f -> new ReentrantLock());
    }

    /**
     * Deletes the lock file when no other program has the store open; a program that is waiting for the lock creates
     * another.
     */
    void delete() {
        try {
            locked(() -> {
                if (!others()) Files.deleteIfExists(file);
                return null;
            });
        } catch (IOException e) {
            // An empty file remains, which is harmless.
        }
    }

    private boolean others() throws IOException {
        try (Stream<Path> all = Files.list(file.getParent())) {
            return all.anyMatch(
                    f -> WriterLock.FILE.matcher(f.getFileName().toString()).matches());
        }
    }

    <T> T locked(Uninterrupted.Work<T> work) throws IOException {
        local.lock();
        try {
            if (local.getHoldCount() > 1) return work.run();
            return Uninterrupted.run(() -> {
                while (true) {
                    try (FileChannel channel =
                                    FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                            FileLock lock = channel.lock()) {
                        if (Writes.isStill(channel, file)) return work.run();
                    }
                }
            });
        } finally {
            local.unlock();
        }
    }
}
