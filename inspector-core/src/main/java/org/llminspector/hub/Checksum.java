package org.llminspector.hub;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.regex.Pattern;
import org.llminspector.base.Reads;

/**
 * Verification of a file against its etag: the sha256 of an LFS file, git's sha1 of another one, or its plain sha1
 * (some mirrors). Other forms of etags are not checked.
 */
final class Checksum {

    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");
    private static final Pattern SHA1 = Pattern.compile("[0-9a-f]{40}");
    private static final int CHUNK = 1 << 18;

    private Checksum() {}

    /** The file's hash if it differs from the etag's; null if it matches. */
    static String mismatch(Path file, String etag, Cancel cancel) throws IOException {
        if (SHA256.matcher(etag).matches()) {
            String found = hash(file, digest("SHA-256"), cancel);
            return found.equals(etag) ? null : "sha256 " + found;
        }
        if (SHA1.matcher(etag).matches()) {
            MessageDigest git = digest("SHA-1");
            git.update(("blob " + Files.size(file) + "\0").getBytes(StandardCharsets.US_ASCII));
            String found = hash(file, git, cancel);
            if (found.equals(etag) || hash(file, digest("SHA-1"), cancel).equals(etag)) return null;
            return "git sha1 " + found;
        }
        return null;
    }

    private static String hash(Path file, MessageDigest digest, Cancel cancel) throws IOException {
        byte[] chunk = new byte[CHUNK];
        try (InputStream in = Reads.stream(file)) {
            for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                cancel.check();
                digest.update(chunk, 0, n);
            }
        }
        return HexFormat.of().formatHex(digest.digest());
    }

    private static MessageDigest digest(String name) {
        try {
            return MessageDigest.getInstance(name);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java has " + name, e);
        }
    }
}
