package org.llminspector.base;

import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * File access of the whole program: regular files only, since opening a FIFO or reading a device may block forever, and
 * whole files only up to a limit. Errors are Problems that name the file.
 */
public final class Reads {

    /**
     * Limit of a model's JSON files and its lists of names, in bytes; the largest known (tokenizer_config.json) has 1.2
     * MB.
     */
    public static final long JSON = 16L << 20;

    /** Limit of a recipe, in bytes; the included ones have 1 KB. */
    public static final long RECIPE = 1L << 20;

    /** Limit of a run's or a comparison's manifest, in bytes: it contains each generated token with its candidates. */
    public static final long MANIFEST = 256L << 20;

    /** Limit of files with one value or a few lines, in bytes. */
    public static final long SMALL = 1L << 20;

    /** An operation that may throw IOException. */
    @FunctionalInterface
    public interface Read<T> {
        T run() throws IOException;
    }

    private Reads() {}

    /** The whole file. */
    public static byte[] bytes(Path file, long limit) {
        checkSize(file, limit);
        try (InputStream in = stream(file)) {
            return bounded(file, in, limit);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** The whole file as UTF-8 text; another encoding throws a Problem. */
    public static String text(Path file, long limit) {
        return text(file, bytes(file, limit));
    }

    /** A file from the command line, which may be a pipe: {@code <(...)} or {@code /dev/stdin}. */
    public static byte[] argument(Path file, long limit) {
        try (InputStream in = Files.newInputStream(file)) {
            return bounded(file, in, limit);
        } catch (NoSuchFileException e) {
            throw missing(file);
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** The same as text. */
    public static String argumentText(Path file, long limit) {
        return text(file, argument(file, limit));
    }

    /** Lines of a small file in UTF-8. */
    public static List<String> lines(Path file, long limit) {
        return text(file, limit).lines().toList();
    }

    /** A file of any length, for sequential reading. The caller closes it. */
    public static FileInputStream stream(Path file) {
        checkRegular(file);
        try {
            return new FileInputStream(file.toFile());
        } catch (IOException e) {
            throw unreadable(file, e);
        }
    }

    /** A file of any length, for mapping or reading in parts. The caller closes it. */
    public static FileChannel channel(Path file) throws IOException {
        checkRegular(file);
        return FileChannel.open(file, StandardOpenOption.READ);
    }

    /** Refuses missing files and anything but regular files; follows links. */
    public static void checkRegular(Path file) {
        if (Files.isRegularFile(file)) return;
        if (!Files.exists(file)) throw missing(file);
        throw Problem.invalid("this is not a file")
                .where(file)
                .expected("a regular file, or a link to one")
                .found(Files.isDirectory(file) ? "a folder" : "a pipe, a socket or a device");
    }

    /** Refuses a longer file. */
    public static void checkSize(Path file, long limit) {
        checkRegular(file);
        long size = file.toFile().length();
        if (size > limit) throw tooLarge(file, limit, size + " bytes");
    }

    /**
     * Reads with the thread's interrupt status cleared and restored afterwards: interrupts cancel runs, but would also
     * close the file channel.
     */
    public static <T> T uninterrupted(Path path, Read<T> read) {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return read.run();
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } catch (IOException e) {
            throw unreadable(path, e);
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    public static Problem unreadable(Path path, IOException e) {
        return Problem.invalid("the file cannot be read")
                .where(path)
                .found(e.getClass().getSimpleName() + (e.getMessage() == null ? "" : ": " + e.getMessage()))
                .instead("check that it exists, that this user may read it, and that the disk is well")
                .causedBy(e);
    }

    private static byte[] bounded(Path file, InputStream in, long limit) throws IOException {
        byte[] bytes = in.readNBytes(Math.toIntExact(limit));
        if (bytes.length == limit && in.read() >= 0) throw tooLarge(file, limit, "more");
        return bytes;
    }

    private static String text(Path file, byte[] bytes) {
        try {
            return StrictUtf8.decode(bytes);
        } catch (CharacterCodingException e) {
            throw Problem.invalid("the file cannot be read")
                    .where(file)
                    .expected("a text in UTF-8")
                    .found(e.getMessage())
                    .causedBy(e);
        }
    }

    private static Problem missing(Path file) {
        return Problem.notFound("the file is missing").where(file);
    }

    private static Problem tooLarge(Path file, long limit, String found) {
        return Problem.invalid("the file is too large")
                .where(file)
                .expected("at most " + limit + " bytes")
                .found(found);
    }
}
