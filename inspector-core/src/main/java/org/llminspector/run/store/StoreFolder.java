package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Folder of a store whose entries are folders named by their ids.
 *
 * <p>An entry is written under a hidden name and then renamed, and renamed before it is deleted, so that it is complete
 * or absent even after a crash. Several processes may share a store. Thread-safe.
 */
final class StoreFolder implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(StoreFolder.class);
    private static final Pattern PARTIAL = Pattern.compile("\\.tmp-([0-9]+-[0-9a-f]{8})-.*");
    private static final Pattern TRASH = Pattern.compile("\\.trash-.*");

    private final Path dir;
    private final StoreLock lock;
    private final WriterLock writer;
    private final AtomicLong begun = new AtomicLong();

    private StoreFolder(Path dir, StoreLock lock, WriterLock writer) {
        this.dir = dir;
        this.lock = lock;
        this.writer = writer;
    }

    /** Opens or creates the folder, and removes unfinished entries of dead writers. */
    static StoreFolder open(Path dir) throws IOException {
        Path parent = dir.toAbsolutePath().getParent();
        if (parent != null) Files.createDirectories(parent);
        try {
            if (!Files.isDirectory(dir)) Writes.privateFolder(dir);
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(dir)) throw e; // else another process created it meanwhile
        }
        Path real = dir.toRealPath();
        StoreLock lock = new StoreLock(real);
        return lock.locked(() -> {
            cleanUp(real);
            return new StoreFolder(real, lock, WriterLock.take(real));
        });
    }

    private static void cleanUp(Path dir) throws IOException {
        for (String name : names(dir)) {
            Path path = dir.resolve(name);
            Matcher partial = PARTIAL.matcher(name);
            Matcher lockFile = WriterLock.FILE.matcher(name);
            try {
                if (TRASH.matcher(name).matches() || (partial.matches() && WriterLock.dead(dir, partial.group(1)))) {
                    RunFolder.delete(path);
                }
            } catch (IOException e) {
                LOG.warn("Cannot remove the leftover {}", path, e);
            }
            if (lockFile.matches() && WriterLock.dead(dir, lockFile.group(1))) Files.deleteIfExists(path);
        }
    }

    private static List<String> names(Path dir) throws IOException {
        try (Stream<Path> children = Files.list(dir)) {
            return children.map(p -> p.getFileName().toString()).toList();
        }
    }

    Path path() {
        return dir;
    }

    /** The ids of all entries, unordered. */
    List<String> ids() throws IOException {
        return names(dir).stream().filter(RunIds::valid).toList();
    }

    /** Runs work under the store's lock, across threads and processes. */
    <T> T locked(Uninterrupted.Work<T> work) throws IOException {
        return lock.locked(work);
    }

    /** An unused hidden name for writing an entry. */
    Path partial(String id) {
        return dir.resolve(".tmp-" + writer.token() + "-" + begun.incrementAndGet() + "-" + id);
    }

    /** Publishes a written entry, or a part of one; FileAlreadyExistsException when it exists. */
    void publish(Path partial, Path target) throws IOException {
        Uninterrupted.run(() -> {
            try {
                Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (IOException e) {
                if (Files.exists(target)) throw new FileAlreadyExistsException(target.toString());
                throw e;
            }
            RunFolder.sync(target.getParent());
            return null;
        });
    }

    /** Removes an entry from the store atomically, then deletes its files. */
    void remove(String id) throws IOException {
        Uninterrupted.run(() -> {
            Path trash = dir.resolve(".trash-" + writer.token() + "-" + id);
            Files.move(dir.resolve(id), trash, StandardCopyOption.ATOMIC_MOVE);
            RunFolder.sync(dir);
            RunFolder.delete(trash);
            return null;
        });
    }

    /** The Problem for an I/O error of the store. */
    static Problem unusable(Path path, IOException e) {
        return Writes.failed("the store of runs cannot be used", path, e);
    }

    @Override
    public void close() {
        writer.close();
        lock.delete();
    }
}
