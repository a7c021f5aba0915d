package org.llminspector.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.llminspector.base.Problem;
import org.llminspector.hub.repo.DisplayNames;

/** Check of free disk space before a download, and recognition of a full disk after one. */
interface DiskSpace {

    DiskSpace REAL = dir -> Files.getFileStore(dir).getUsableSpace();

    long free(Path dir) throws IOException;

    default void require(Path dir, long bytes) throws IOException {
        long free = free(dir);
        if (bytes <= free) return;
        throw Problem.tooLarge("the model does not fit on the disk")
                .where(dir)
                .expected(DisplayNames.bytes(bytes) + " free")
                .found(DisplayNames.bytes(free))
                .instead("make room, or set HF_HUB_CACHE to a larger disk");
    }

    /** Whether the exception is the system's error for a full disk. */
    static boolean full(IOException e) {
        String message = String.valueOf(e.getMessage());
        return message.contains("No space left on device")
                || message.contains("Disk quota exceeded")
                || message.contains("not enough space on the disk");
    }

    static Problem ranOut(Path dir, IOException e) {
        return Problem.tooLarge("the disk is full")
                .where(dir)
                .found(e.getMessage())
                .instead("make room and pull again: what has arrived is kept; or set HF_HUB_CACHE to a larger disk")
                .causedBy(e);
    }
}
