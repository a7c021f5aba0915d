package org.llminspector.hub.repo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.UUID;
import org.llminspector.base.Reads;

/**
 * One model's folder in the cache, in huggingface_hub's layout:
 *
 * <pre>
 * models--org--name/
 *   blobs/ETAG                      the bytes; for LFS files the etag is their sha256, for others git's sha1
 *   refs/main                       the commit that the revision named last
 *   snapshots/COMMIT/config.json    a relative link: ../../blobs/ETAG
 * </pre>
 */
public record RepoFolder(Path cache, RepoId repo, boolean symlinks) {

    private static final String TAG = """
            Signature: 8a477f597d28d172789f06886806bc55
            # This file is a cache directory tag created by huggingface_hub.
            # For information about cache directory tags, see:
            #\thttps://bford.info/cachedir/
            """;

    public Path dir() {
        return cache.resolve(repo.folder());
    }

    public Path blob(String etag) {
        return dir().resolve("blobs").resolve(etag);
    }

    /** The partial file of a blob. Python does not see our locks, so its name is one that Python never uses. */
    public Path part(String etag) {
        return dir().resolve("blobs").resolve(etag + ".inspector.incomplete");
    }

    /** A partial file of an older huggingface_hub, which may still be writing it. */
    public Path foreignPart(String etag) {
        return dir().resolve("blobs").resolve(etag + ".incomplete");
    }

    public Path snapshot(String commit) {
        return dir().resolve("snapshots").resolve(commit);
    }

    public Path lock() {
        return cache.resolve(".locks").resolve(repo.folder()).resolve("inspector.lock");
    }

    public void create() throws IOException {
        Files.createDirectories(dir().resolve("blobs"));
        Files.createDirectories(dir().resolve("snapshots"));
        Path tag = cache.resolve("CACHEDIR.TAG"); // excludes the cache from backups
        if (!Files.exists(tag)) Files.writeString(tag, TAG);
    }

    /** The commit of a revision when it was last pulled. */
    public Optional<String> commit(Revision revision) throws IOException {
        if (revision.isCommit()) return Optional.of(revision.name());
        if (!Files.exists(ref(revision))) return Optional.empty();
        String commit = Reads.text(ref(revision), Reads.SMALL).strip();
        return Revision.COMMIT.matcher(commit).matches() ? Optional.of(commit) : Optional.empty();
    }

    public void writeRef(Revision revision, String commit) throws IOException {
        if (revision.isCommit()) return;
        Path ref = ref(revision);
        if (commit(revision).equals(Optional.of(commit))) return;
        Files.createDirectories(ref.getParent());
        Path tmp = temporaryFile(ref);
        Files.writeString(tmp, commit);
        Files.move(tmp, ref, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private Path ref(Revision revision) {
        return dir().resolve("refs").resolve(revision.name());
    }

    /**
     * Puts a blob into a snapshot. Where links are impossible, a new blob is moved there and an old one, which others
     * may use, is copied: huggingface_hub's {@code _create_symlink}.
     */
    public void link(String commit, String name, String etag, boolean fresh) throws IOException {
        Path pointer = snapshot(commit).resolve(name);
        Path blob = blob(etag);
        Files.createDirectories(pointer.getParent());
        Path tmp = temporaryFile(pointer);
        if (!linked(tmp, pointer.getParent().relativize(blob))) {
            if (fresh) Files.move(blob, tmp, StandardCopyOption.ATOMIC_MOVE);
            else Files.copy(blob, tmp);
        }
        Files.move(tmp, pointer, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private boolean linked(Path link, Path target) {
        if (!symlinks) return false;
        try {
            Files.createSymbolicLink(link, target);
            return true;
        } catch (IOException | UnsupportedOperationException | SecurityException e) {
            return false; // Windows without the privilege to create links, or a file system without them
        }
    }

    private static Path temporaryFile(Path file) {
        String unique = UUID.randomUUID().toString().substring(0, 8);
        return file.resolveSibling(file.getFileName() + "." + unique + ".tmp");
    }
}
