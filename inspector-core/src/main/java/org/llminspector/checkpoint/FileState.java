package org.llminspector.checkpoint;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.llminspector.base.Reads;

/**
 * FileState tells one state of a file from another without reading it.
 *
 * @param key of the file system (device and inode) where it has one; a file that is renamed over another has another
 * @param bytes its size; -1 where there is no file
 * @param modifiedNanos when it was last written
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

    /** Whether the very file that was seen was written since, or cut; a file in its place is another. */
    public boolean overwritten() {
        FileState now = of(path);
        return key != null && key.equals(now.key) && !equals(now);
    }
}
