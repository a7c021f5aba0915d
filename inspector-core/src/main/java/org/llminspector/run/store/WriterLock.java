package org.llminspector.run.store;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Locale;
import java.util.regex.Pattern;
import org.llminspector.base.LockedFile;

/**
 * Liveness marker of a writer of unfinished folders: a locked file named by its process id.
 *
 * <p>The lock decides, not the process id: ids are reused, and differ between containers.
 *
 * @param token in the names of the file and of the folders
 */
record WriterLock(String token, LockedFile file) implements AutoCloseable {

    static final Pattern FILE = Pattern.compile("\\.writer-([0-9]+-[0-9a-f]{8})\\.lock");

    private static final SecureRandom RANDOM = new SecureRandom();

    /** Call under the {@link StoreLock}: between creation and locking the file looks dead. */
    static WriterLock take(Path dir) throws IOException {
        long process = ProcessHandle.current().pid();
        String token = process + String.format(Locale.ROOT, "-%08x", RANDOM.nextInt());
        LockedFile file = LockedFile.tryTake(file(dir, token));
        if (file == null) throw new IOException("a new file is locked already: " + file(dir, token));
        try {
            file.write("process " + process + "\n");
            return new WriterLock(token, file);
        } catch (IOException e) {
            file.close();
            throw e;
        }
    }

    private static Path file(Path dir, String token) {
        return dir.resolve(".writer-" + token + ".lock");
    }

    /** Whether no process has the lock of that token; then its file is deleted. Call under the {@link StoreLock}. */
    static boolean dead(Path dir, String token) throws IOException {
        if (!Files.isRegularFile(file(dir, token))) return true;
        LockedFile file = LockedFile.tryTake(file(dir, token));
        if (file != null) new WriterLock(token, file).close();
        return file != null;
    }

    @Override
    public void close() {
        file.delete();
        file.close();
    }
}
