package org.llminspector.run.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Pattern;

/**
 * Liveness marker of a writer of unfinished folders: a locked file named by its process id.
 *
 * <p>The lock decides, not the process id: ids are reused, and differ between containers.
 */
final class WriterLock implements AutoCloseable {

    static final Pattern FILE = Pattern.compile("\\.writer-([0-9]+-[0-9a-f]{8})\\.lock");

    /** Writers of this JVM. Their files must not be opened: closing a file drops the JVM's locks on it. */
    private static final Set<String> OURS = ConcurrentHashMap.newKeySet();

    private static final SecureRandom RANDOM = new SecureRandom();

    private final String token;
    private final Path file;
    private final FileChannel channel;

    private WriterLock(String token, Path file, FileChannel channel) {
        this.token = token;
        this.file = file;
        this.channel = channel;
    }

    /** Call under the {@link StoreLock}: between creation and locking the file looks dead. */
    static WriterLock take(Path dir) throws IOException {
        String token = ProcessHandle.current().pid() + String.format(Locale.ROOT, "-%08x", RANDOM.nextInt());
        Path file = dir.resolve(".writer-" + token + ".lock");
        OURS.add(token);
        FileChannel channel = null;
        try {
            channel = FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            if (channel.tryLock() == null) throw new IOException("a new file is locked already: " + file);
            String note = "process " + ProcessHandle.current().pid() + "\n";
            channel.write(ByteBuffer.wrap(note.getBytes(StandardCharsets.UTF_8)));
            return new WriterLock(token, file, channel);
        } catch (IOException | RuntimeException e) {
            if (channel != null) channel.close();
            OURS.remove(token);
            throw e;
        }
    }

    /** Whether no process has the lock of that token. Call under the {@link StoreLock}. */
    static boolean dead(Path dir, String token) throws IOException {
        if (OURS.contains(token)) return false;
        Path file = dir.resolve(".writer-" + token + ".lock");
        if (!Files.isRegularFile(file)) return true;
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            return lock != null;
        } catch (NoSuchFileException e) {
            return true; // its writer closed meanwhile
        }
    }

    String token() {
        return token;
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(file);
            channel.close();
        } catch (IOException e) {
            // The next process that opens the store finds it unlocked and removes it.
        } finally {
            OURS.remove(token);
        }
    }
}
