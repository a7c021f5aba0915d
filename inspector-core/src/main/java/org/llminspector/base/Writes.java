package org.llminspector.base;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;

/** Atomic replacement of files, deletion of folders, and Problems for failed writes. */
public final class Writes {

    private static final FileAttribute<Set<PosixFilePermission>> OWNER =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private Writes() {}

    /**
     * Writes a temporary file next to the file and renames it: concurrent readers see the old or the new text, never a
     * part.
     */
    public static void replace(Path file, String text) throws IOException {
        Path partial = file.resolveSibling(file.getFileName() + ".part");
        Files.writeString(partial, text);
        Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    /** What is written to a file. */
    @FunctionalInterface
    public interface Content {
        void writeTo(WritableByteChannel out) throws IOException;
    }

    /**
     * Writes a file, and has the disk keep it, before it is renamed to its name: readers see the old or the new file, never
     * a part. A device or a pipe, which no file can replace, is written to.
     *
     * @throws Problem STORAGE where it cannot be written
     */
    public static void atomically(Path file, Content content) {
        try {
            if (Files.exists(file) && !Files.isRegularFile(file)) {
                try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
                    content.writeTo(out);
                }
                return;
            }
            Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
            Path partial = Files.createTempFile(target.getParent(), ".", ".partial");
            try {
                // Recreated with the default permissions of a new file, not a temporary file's private ones.
                Files.delete(partial);
                try (FileChannel out =
                        FileChannel.open(partial, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                    content.writeTo(out);
                    out.force(true);
                }
                Files.move(partial, target, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
            } finally {
                Files.deleteIfExists(partial);
            }
        } catch (IOException e) {
            throw failed("the file cannot be written", file, e);
        }
    }

    /** Creates a folder that only its owner may access, where the file system supports permissions. */
    public static Path privateFolder(Path folder) throws IOException {
        boolean posix = folder.getFileSystem().supportedFileAttributeViews().contains("posix");
        return posix ? Files.createDirectory(folder, OWNER) : Files.createDirectory(folder);
    }

    /** Deletes a folder with all that is in it, if it is there. */
    public static void deleteAll(Path folder) throws IOException {
        if (!Files.exists(folder)) return;
        List<Path> deepestFirst;
        try (Stream<Path> all = Files.walk(folder)) {
            deepestFirst = all.sorted(Comparator.reverseOrder()).toList();
        }
        for (Path path : deepestFirst) Files.deleteIfExists(path);
    }

    /** @param what cannot be written: "the run cannot be kept" */
    public static Problem failed(String what, Object where, IOException e) {
        String reason = String.valueOf(e.getMessage());
        String instead = "check that the folder is there, that this user may write to it, and that there is space";
        if (reason.contains("No space left") || reason.contains("not enough space") || reason.contains("quota")) {
            instead = "make space on that disk: it is full";
        } else if (reason.contains("Read-only") || e instanceof AccessDeniedException) {
            instead = "name a folder that this user may write to";
        }
        return Problem.of(Problem.Kind.STORAGE, what)
                .where(where)
                .found(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage()))
                .instead(instead)
                .causedBy(e);
    }
}
