package org.llminspector.base;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/**
 * Exclusive lock on a file, across threads and processes. It ends with its process, so that a killed one blocks no
 * other. Thread-safe.
 *
 * <p>Closing any channel of a file releases the process's locks on it (POSIX), and a second FileLock on it throws:
 * files that this process has locked are registered, and not opened again.
 */
public final class LockedFile implements AutoCloseable {

    /** Keys of the files that this process has locked. A key is not used for another file while its file is open. */
    private static final Set<Object> LOCKED = new HashSet<>();

    /** Retries when another process deletes the file between opening and locking it. */
    private static final int MOST_TRIES = 100;

    private final Path file;
    private final FileChannel channel;
    private final Object key;
    private boolean closed; // the key may be another file's since then

    private LockedFile(Path file, FileChannel channel, Object key) {
        this.file = file;
        this.channel = channel;
        this.key = key;
    }

    /**
     * Locks a file, which is created if absent and emptied if not; null while it is locked, by this process or another.
     * Works in an interrupted thread too.
     *
     * @throws IOException where the file cannot be created, or is no regular file
     */
    public static LockedFile tryTake(Path file) throws IOException {
        boolean interrupted = Thread.interrupted();
        synchronized (LOCKED) {
            try {
                for (int i = 0; i < MOST_TRIES && !LOCKED.contains(key(file)); i++) {
                    Object key = null;
                    FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                    try {
                        if (channel.tryLock() == null) return null;
                        if (isStill(channel, file)) key = key(file);
                        if (key == null) continue;
                        LOCKED.add(key);
                        return new LockedFile(file, channel, key);
                    } catch (ClosedByInterruptException e) {
                        interrupted |= Thread.interrupted();
                    } finally {
                        if (key == null) channel.close();
                    }
                }
                return null;
            } finally {
                if (interrupted) Thread.currentThread().interrupt();
            }
        }
    }

    /** The file's identity: device and inode, its real path where there is no such key; null where there is no file. */
    private static Object key(Path file) throws IOException {
        try {
            BasicFileAttributes a = Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
            if (!a.isRegularFile()) throw new FileSystemException(file.toString(), null, "not a regular file");
            return a.fileKey() == null ? file.toRealPath() : a.fileKey();
        } catch (NoSuchFileException e) {
            return null;
        }
    }

    /**
     * Whether the locked file is still the file at this path: another process may have deleted it, and made a new one,
     * before it was locked. Identified by a random length: an inode's number is used again at once, and opening and
     * closing the path would release this process's lock.
     */
    private static boolean isStill(FileChannel locked, Path file) throws IOException {
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

    /** Writes a note for people into the file. */
    public void write(String note) throws IOException {
        channel.write(StandardCharsets.UTF_8.encode(note));
    }

    /** Deletes the file, unless another one has its path now. It stays locked until closed. */
    public void delete() {
        synchronized (LOCKED) {
            try {
                if (!closed && key.equals(key(file))) Files.delete(file);
            } catch (IOException e) {
                // A file without a lock stays, which is harmless.
            }
        }
    }

    @Override
    public void close() {
        synchronized (LOCKED) {
            if (closed) return;
            closed = true;
            try {
                channel.close();
            } catch (IOException e) {
                // The channel is closed all the same; nothing is read from the file.
            } finally {
                LOCKED.remove(key);
            }
        }
    }
}
