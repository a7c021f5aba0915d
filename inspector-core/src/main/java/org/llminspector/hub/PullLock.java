package org.llminspector.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * Lock of a model in the cache, across threads and processes. It ends with its process.
 *
 * <p>The lock file is our own: Python locks with flock, which does not see Java's locks, and removes its lock files. A
 * concurrent pull by Python is safe: it writes under names of its own and renames into place.
 */
final class PullLock implements AutoCloseable {

    private static final long LOOK_MS = 100;

    /**
     * File locks belong to the whole JVM, and closing any channel of the file drops them, so threads lock among
     * themselves here.
     */
    private static final ConcurrentHashMap<Path, ReentrantLock> LOCAL = new ConcurrentHashMap<>();

    private final ReentrantLock local;
    private final FileChannel channel;

    private PullLock(ReentrantLock local, FileChannel channel) {
        this.local = local;
        this.channel = channel;
    }

    /** @param waiting called repeatedly while the lock is taken */
    static PullLock take(Path file, Runnable waiting, Cancel cancel) throws IOException {
        Files.createDirectories(file.getParent());
        Path real = file.getParent().toRealPath().resolve(file.getFileName());
        ReentrantLock local = LOCAL.computeIfAbsent(real, f -> new ReentrantLock());
        lock(local, waiting, cancel);
        FileChannel channel = null;
        try {
            channel = FileChannel.open(real, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            for (FileLock lock = channel.tryLock(); lock == null; lock = channel.tryLock()) {
                waiting.run();
                cancel.sleep(LOOK_MS);
            }
            return new PullLock(local, channel);
        } catch (IOException | RuntimeException e) {
            if (channel != null) channel.close();
            local.unlock();
            throw e;
        }
    }

    private static void lock(ReentrantLock local, Runnable waiting, Cancel cancel) {
        try {
            while (!local.tryLock(LOOK_MS, TimeUnit.MILLISECONDS)) {
                waiting.run();
                cancel.check();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Cancel.cancelled();
        }
    }

    @Override
    public void close() throws IOException {
        try {
            channel.close();
        } finally {
            local.unlock();
        }
    }
}
