package org.llminspector.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.checkpoint.FileState;

/**
 * Verification of a model's files against the SHA256SUMS in its folder, in the format of {@code sha256sum}: 64 hex
 * digits, two spaces, a file's name.
 */
public final class Sha256Sums {

    /** The file's name. */
    public static final String NAME = "SHA256SUMS";

    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64}) [ *]([^/\\\\]+)");

    /** Hashes already verified, valid while the files are unchanged. */
    private static final Map<FileState, String> KNOWN = new ConcurrentHashMap<>();

    private Sha256Sums() {}

    /** Verifies every listed file once, and again when it has changed; without SHA256SUMS does nothing. */
    public static void verify(Path dir) {
        Path sums = dir.resolve(NAME);
        if (!Files.isRegularFile(sums)) return;
        try {
            for (String line : Reads.lines(sums, Reads.SMALL)) {
                Matcher m = LINE.matcher(line);
                if (!m.matches()) {
                    throw Problem.invalid("the list of checksums has a malformed line")
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
        FileState state = FileState.of(file);
        if (state.key() != null && expected.equals(KNOWN.get(state))) return;
        String found =
                Files.isRegularFile(file) ? Checksum.mismatch(file, expected, new Cancel(() -> false)) : "no such file";
        if (found == null) {
            if (state.key() != null && state.equals(FileState.of(file))) KNOWN.put(state, expected);
            return;
        }
        throw Problem.invalid("a file differs from the one that was shipped")
                .where(file)
                .expected("sha256 " + expected + ", as " + sums.getFileName() + " says")
                .found(found)
                .instead("restore it (git checkout), or delete " + sums.getFileName() + " if you changed the file");
    }
}
