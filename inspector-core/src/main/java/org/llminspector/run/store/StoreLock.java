package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.Stream;
import org.llminspector.base.LockedFile;

/**
 * Lock for maintenance of a store (cleanup, index rebuild, eviction), held by one thread of one process at a time.
 * Saving a run needs no lock.
 */
final class StoreLock {

    private static final long LOOK_MS = 5;

    private final Path file;
    private final ReentrantLock local = new ReentrantLock();
    private LockedFile taken;

    /** @param dir the store's real path */
    StoreLock(Path dir) {
        this.file = dir.resolve(".store.lock");
    }

    /** Deletes the lock file when no other program has the store open; one that waits for the lock creates another. */
    void delete() {
        try {
            locked(() -> {
                if (!others()) taken.delete();
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
                take();
                try (LockedFile lock = taken) {
                    return work.run();
                }
            });
        } finally {
            local.unlock();
        }
    }

    private void take() throws IOException {
        boolean interrupted = false;
        while ((taken = LockedFile.tryTake(file)) == null) {
            try {
                Thread.sleep(LOOK_MS);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }
}
