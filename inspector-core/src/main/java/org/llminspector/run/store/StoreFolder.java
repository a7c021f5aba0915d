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
 * StoreFolder is the folder of a store whose entries are folders named by their ids.
 *
 * <p>An entry is written under a hidden name and then renamed, and is renamed before it is deleted: it is there whole or
 * not at all, whenever the process or the machine dies. Several processes may share a store. Safe on any thread.
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

    /** Opens or creates it, and removes what dead writers left in it. */
    static StoreFolder open(Path dir) throws IOException {
        Path parent = dir.toAbsolutePath().getParent();
        if (parent != null) Files.createDirectories(parent);
        try {
            if (!Files.isDirectory(dir)) Writes.privateFolder(dir);
        } catch (FileAlreadyExistsException e) {
            if (!Files.isDirectory(dir)) throw e; // else another process made it meanwhile
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

    /** The ids of all entries, in no order. */
    List<String> ids() throws IOException {
        return names(dir).stream().filter(RunIds::valid).toList();
    }

    /** Does work that one thread of one process at a time may do. */
    <T> T locked(Uninterrupted.Work<T> work) throws IOException {
        return lock.locked(work);
    }

    /** A hidden name, used by nobody yet, to write an entry under. */
    Path partial(String id) {
        return dir.resolve(".tmp-" + writer.token() + "-" + begun.incrementAndGet() + "-" + id);
    }

    /** Makes a written entry known, or a part of one; one that is there already is a FileAlreadyExistsException. */
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

    /** Takes an entry out of the store in one step, and then deletes what it was. */
    void remove(String id) throws IOException {
        Uninterrupted.run(() -> {
            Path trash = dir.resolve(".trash-" + writer.token() + "-" + id);
            Files.move(dir.resolve(id), trash, StandardCopyOption.ATOMIC_MOVE);
            RunFolder.sync(dir);
            RunFolder.delete(trash);
            return null;
        });
    }

    /** What an error of the disk means to a person. */
    static Problem unusable(Path path, IOException e) {
        return Writes.failed("the store of runs cannot be used", path, e);
    }

    @Override
    public void close() {
        writer.close();
        lock.delete();
    }
}
