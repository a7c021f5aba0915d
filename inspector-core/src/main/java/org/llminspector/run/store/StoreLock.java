package org.llminspector.run.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;

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

    /**
     * Whether the locked file is still the file at this path, since another program may have deleted it in between.
     * Identified by a random length written to it: opening and closing the path again would release this process's
     * lock.
     */
    private boolean isThere(FileChannel locked) throws IOException {
        int length = 1 + ThreadLocalRandom.current().nextInt(1 << 16);
        locked.write(ByteBuffer.allocate(1), length - 1L);
        locked.truncate(length);
        try {
            return Files.size(file) == length;
        } catch (NoSuchFileException e) {
            return false;
        } finally {
            locked.truncate(0);
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
                        if (isThere(channel)) return work.run();
                    }
                }
            });
        } finally {
            local.unlock();
        }
    }
}
