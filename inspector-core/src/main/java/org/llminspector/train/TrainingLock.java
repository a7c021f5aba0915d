package org.llminspector.train;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;
import org.llminspector.base.Problem;
import org.llminspector.base.Writes;

/**
 * File lock that lets one training at a time write into a folder, across processes. It ends with its process, so a
 * killed training never blocks the next. Its empty file is deleted on close, or by the next training.
 */
final class TrainingLock implements AutoCloseable {

    private static final String FILE = ".training.lock";

    /**
     * File keys of the locks of this process: closing another channel of such a file would release its lock (POSIX).
     */
    private static final Set<Object> HELD = new HashSet<>();

    /** Retries when a training ends and deletes the file between opening and locking it. */
    private static final int MOST_TRIES = 100;

    private final Path file;
    private final FileChannel channel;
    private final Object key;

    private TrainingLock(Path file, FileChannel channel, Object key) {
        this.file = file;
        this.channel = channel;
        this.key = key;
    }

    /**
     * @param folder an existing folder
     * @throws Problem CONFLICT while a training of any process has the lock; STORAGE where it cannot be written
     */
    static TrainingLock take(Path folder) {
        synchronized (HELD) {
            try {
                for (int i = 0; i < MOST_TRIES; i++) {
                    TrainingLock lock = tryTake(folder);
                    if (lock != null) return lock;
                }
            } catch (IOException e) {
                throw Writes.failed("the folder cannot be written", folder, e);
            }
            throw taken(folder);
        }
    }

    /** Null where the file was deleted, by the training that had locked it, before it was locked here. */
    private static TrainingLock tryTake(Path folder) throws IOException {
        Path file = folder.resolve(FILE);
        FileChannel channel = null;
        boolean mine = false;
        try {
            if (!Files.exists(file)) create(file);
            Object key = key(file);
            if (HELD.contains(key)) throw taken(folder);
            channel = FileChannel.open(file, StandardOpenOption.WRITE);
            if (channel.tryLock() == null) throw taken(folder);
            if (!Writes.isStill(channel, file)) return null;
            mine = true;
            key = key(file); // of the file that is locked now
            HELD.add(key);
            return new TrainingLock(file, channel, key);
        } catch (NoSuchFileException e) {
            if (!Files.isDirectory(folder)) throw e;
            return null;
        } finally {
            if (!mine) close(channel);
        }
    }

    private static Problem taken(Path folder) {
        return Problem.of(Problem.Kind.CONFLICT, "a training writes into this folder already")
                .where(folder)
                .instead("wait until it has ended, or name another folder");
    }

    private static void create(Path file) throws IOException {
        try {
            Files.createFile(file);
        } catch (FileAlreadyExistsException e) {
            // Another process created it meanwhile.
        }
    }

    /** The file's identity: device and inode; the real path where there is no such key. */
    private static Object key(Path file) throws IOException {
        Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
        return key == null ? file.toRealPath() : key;
    }

    private static void close(FileChannel channel) {
        if (channel == null) return;
        try {
            channel.close();
        } catch (IOException e) {
            // Nothing was written to the channel.
        }
    }

    @Override
    public void close() {
        synchronized (HELD) {
            try {
                if (Files.exists(file) && key.equals(key(file))) Files.delete(file);
            } catch (IOException e) {
                // The empty file stays, without a lock.
            }
            close(channel);
            HELD.remove(key);
        }
    }
}
