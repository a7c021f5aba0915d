package org.llminspector.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import org.llminspector.base.Problem;
import org.llminspector.hub.Progress.State;
import org.llminspector.hub.repo.DisplayNames;
import org.llminspector.hub.repo.RepoFolder;

/**
 * Download of one file to its blob: resumes a partial file, retries while it advances, verifies the hash, and renames
 * the complete file into place.
 */
record Download(
        HubHttp http,
        HubErrors refusal,
        RepoFolder folder,
        java.time.Duration silence,
        Backoff backoff,
        ProgressReporter reporter,
        Cancel cancel) {

    private static final int CHUNK = 1 << 17;

    Pulled.How run(URI uri, RemoteFile file) throws IOException {
        Path part = folder.part(file.etag());
        boolean resumed = begun(part, file);
        reporter.state(State.DOWNLOADING);
        fetch(uri, file, part);
        reporter.state(State.CHECKING);
        String wrong = Checksum.mismatch(part, file.etag(), cancel);
        if (wrong != null && resumed) {
            // The earlier part may be the corrupt one.
            discard(part);
            reporter.state(State.DOWNLOADING);
            fetch(uri, file, part);
            wrong = Checksum.mismatch(part, file.etag(), cancel);
        }
        if (wrong != null) {
            discard(part);
            throw Problem.of(Problem.Kind.UPSTREAM, "what arrived is not the file that the hub has; it was deleted")
                    .where(file.name() + ", " + HubHttp.plain(uri))
                    .expected((file.etag().length() == 64 ? "sha256 " : "git sha1 ") + file.etag())
                    .found(wrong)
                    .instead("pull again; if it happens again, a proxy or a mirror changes files");
        }
        Files.move(part, folder.blob(file.etag()), StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        return resumed ? Pulled.How.RESUMED : Pulled.How.DOWNLOADED;
    }

    /** Whether a partial file exists: our own, or a copy of huggingface_hub's. */
    private boolean begun(Path part, RemoteFile file) throws IOException {
        Path foreign = folder.foreignPart(file.etag());
        if (!Files.exists(part) && Files.isRegularFile(foreign)) Files.copy(foreign, part);
        long had = size(part);
        if (file.size() >= 0 && had > file.size()) {
            Files.delete(part);
            had = 0;
        }
        reporter.alreadyPresent(had);
        return had > 0;
    }

    private void discard(Path part) throws IOException {
        reporter.alreadyPresent(-size(part));
        Files.deleteIfExists(part);
    }

    private void fetch(URI uri, RemoteFile file, Path part) throws IOException {
        for (int failures = 0; ; ) {
            long from = size(part);
            if (from == file.size() && from > 0) return;
            String why;
            try {
                if (stream(uri, file, part, from)) return;
                why = "the connection was cut";
            } catch (IOException e) {
                if (DiskSpace.full(e)) throw DiskSpace.ranOut(folder.cache(), e);
                if (e instanceof java.nio.file.FileSystemException) throw e;
                why = e.getMessage() == null ? e.toString() : e.getMessage();
            }
            cancel.check();
            failures = size(part) > from ? 1 : failures + 1;
            if (failures > Backoff.RETRIES) throw broken(uri, file, size(part), why);
            cancel.sleep(backoff.waitMs(failures));
        }
    }

    private static Problem broken(URI uri, RemoteFile file, long have, String why) {
        return Problem.of(Problem.Kind.UPSTREAM, "the download breaks off again and again")
                .where(file.name() + ", " + HubHttp.plain(uri))
                .expected(file.size() < 0 ? "the whole file" : file.size() + " bytes")
                .found(have + " bytes; " + why)
                .instead("pull again: it goes on where it broke off");
    }

    /** Appends the bytes from the offset on; true when the file is complete. */
    private boolean stream(URI uri, RemoteFile file, Path part, long from) throws IOException {
        HttpResponse<InputStream> answer = http.get(uri, from, cancel);
        try (InputStream in = answer.body();
                StallWatchdog watch = new StallWatchdog(in, silence, cancel)) {
            long start = start(answer, file, part, from);
            long at = start;
            try (FileChannel out = FileChannel.open(part, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
                if (start < from) reporter.alreadyPresent(start - from);
                out.truncate(start).position(start);
                byte[] chunk = new byte[CHUNK];
                for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                    watch.alive();
                    at += n;
                    if (file.size() >= 0 && at > file.size()) break;
                    for (ByteBuffer b = ByteBuffer.wrap(chunk, 0, n); b.hasRemaining(); ) out.write(b);
                    reporter.arrived(n);
                    cancel.check();
                }
                if (file.size() < 0 || at == file.size()) out.force(false); // files in blobs have to be complete
            }
            cancel.check();
            if (watch.silent()) throw new IOException("nothing came for " + silence.toSeconds() + " s");
            if (file.size() >= 0 && at > file.size()) {
                discard(part);
                throw new IOException("more bytes came than the " + file.size() + " that the hub says");
            }
            return file.size() < 0 || at == file.size();
        }
    }

    /** The offset of the answer's first byte: a server may ignore Range and send the whole file. */
    private long start(HttpResponse<?> answer, RemoteFile file, Path part, long from) throws IOException {
        int status = answer.statusCode();
        if (status == 200) return 0;
        if (status == 206) {
            String range = answer.headers().firstValue("Content-Range").orElse("");
            if (range.startsWith("bytes " + from + "-")) return from;
            discard(part);
            throw new IOException("asked for bytes from " + from + " on, got " + DisplayNames.name(range));
        }
        if (status == 416) discard(part);
        if (status == 416 || !http.urls().isHub(answer.uri())) {
            // A CDN's URL expires; the next request to the hub returns a new one.
            throw new IOException("HTTP " + status + " from " + HubHttp.plain(answer.uri()));
        }
        throw refusal.of(answer, file.name());
    }

    private static long size(Path file) throws IOException {
        return Files.exists(file) ? Files.size(file) : 0;
    }
}
