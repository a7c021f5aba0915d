package org.llminspector.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.llminspector.base.Reads;

/**
 * Identity, size and modification time of a file, to detect changes without reading it.
 *
 * @param key file key (device and inode) where the file system has one; it differs for a file renamed over another
 * @param bytes size; -1 for a missing file
 * @param modifiedNanos last modification time
 */
public record FileState(Path path, Object key, long bytes, long modifiedNanos) {

    public static FileState of(Path path) {
        try {
            BasicFileAttributes a = Files.readAttributes(path, BasicFileAttributes.class);
            return new FileState(
                    path, a.fileKey(), a.size(), a.lastModifiedTime().to(java.util.concurrent.TimeUnit.NANOSECONDS));
        } catch (NoSuchFileException e) {
            return new FileState(path, null, -1, 0);
        } catch (IOException e) {
            throw Reads.unreadable(path, e);
        }
    }

    /** Whether the same file was written in place or truncated since; a replacement by another file does not count. */
    public boolean overwritten() {
        FileState now = of(path);
        return key != null && key.equals(now.key) && !equals(now);
    }
}
