package org.llminspector.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;

/**
 * Sha256Sums checks a model's files against the SHA256SUMS beside them, in the format of {@code sha256sum}: 64 hex
 * digits, two spaces, a file's name.
 */
public final class Sha256Sums {

    /** The file's name. */
    public static final String NAME = "SHA256SUMS";

    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64}) [ *]([^/\\\\]+)");

    private Sha256Sums() {}

    /** Reads every listed file once; a folder without SHA256SUMS has nothing to check. */
    public static void verify(Path dir) {
        Path sums = dir.resolve(NAME);
        if (!Files.isRegularFile(sums)) return;
        try {
            for (String line : Files.readAllLines(sums)) {
                Matcher m = LINE.matcher(line);
                if (!m.matches()) {
                    throw Problem.invalid("the list of checksums has a line that is none")
                            .where(sums)
                            .expected("64 hex digits, two spaces, the name of a file beside it")
                            .found(line);
                }
                verify(dir.resolve(m.group(2)), m.group(1), sums);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void verify(Path file, String expected, Path sums) throws IOException {
        String found =
                Files.isRegularFile(file) ? Checksum.mismatch(file, expected, new Cancel(() -> false)) : "no such file";
        if (found == null) return;
        throw Problem.invalid("a file is not the one that was shipped")
                .where(file)
                .expected("sha256 " + expected + ", as " + sums.getFileName() + " says")
                .found(found)
                .instead("restore it (git checkout), or delete " + sums.getFileName() + " if you changed the file");
    }
}
