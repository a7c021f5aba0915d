package org.llminspector.hub;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.llminspector.base.LockedFile;
import org.llminspector.base.Problem;
import org.llminspector.hub.Progress.State;
import org.llminspector.hub.repo.DisplayNames;
import org.llminspector.hub.repo.FileChoice;
import org.llminspector.hub.repo.RepoFolder;
import org.llminspector.hub.repo.RepoId;
import org.llminspector.hub.repo.RepoInfo;
import org.llminspector.hub.repo.Revision;

/**
 * One pull: list the files, choose, fetch into blobs, then link the snapshot and move the ref.
 *
 * <p>Links come last, config.json's at the very end: without it the snapshot does not count as a model.
 */
final class Pull {

    private static final int MAX_INFO_BYTES = 50_000_000;
    private static final long LOCK_MS = 100;

    private final HubHttp http;
    private final HubSettings settings;
    private final DiskSpace disk;
    private final RepoFolder folder;
    private final Revision revision;
    private final ProgressReporter reporter;
    private final Cancel cancel;
    private final HubErrors refusal;
    private final Download download;
    private final Map<String, Fetched> fetched = new LinkedHashMap<>();

    /** A fetched file. {@code etag} is null when the snapshot already has the file. */
    private record Fetched(Path path, String etag, Pulled.How how) {}

    Pull(
            HubHttp http,
            HubSettings settings,
            Backoff backoff,
            DiskSpace disk,
            RepoId repo,
            Revision revision,
            ProgressReporter reporter,
            Cancel cancel) {
        this.http = http;
        this.settings = settings;
        this.disk = disk;
        this.folder = new RepoFolder(settings.cache(), repo, settings.symlinks());
        this.revision = revision;
        this.reporter = reporter;
        this.cancel = cancel;
        this.refusal = new HubErrors(repo, revision, settings);
        this.download = new Download(http, refusal, folder, settings.silence(), backoff, reporter, cancel);
    }

    Pulled run() throws IOException {
        if (settings.offline()) return offline();
        reporter.state(State.RESOLVING);
        RepoInfo info;
        try {
            info = info();
        } catch (IOException e) {
            return earlierSnapshot(unreachable(e));
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.UPSTREAM && p.kind() != Problem.Kind.BUSY) throw p;
            return earlierSnapshot(p);
        }
        FileChoice choice = FileChoice.of(info.sizes().keySet(), where());
        Optional<Pulled> cached = cached(info, choice);
        if (cached.isPresent()) return cached.get();
        try (LockedFile lock = lock()) {
            cached = cached(info, choice);
            return cached.isPresent() ? cached.get() : fetch(info, choice);
        }
    }

    /**
     * Lock of the model in the cache. Python does not see it and locks with flock: a concurrent pull by Python is safe,
     * since it writes under names of its own and renames into place.
     */
    private LockedFile lock() throws IOException {
        Files.createDirectories(folder.lock().getParent());
        for (LockedFile lock; ; cancel.sleep(LOCK_MS)) {
            if ((lock = LockedFile.tryTake(folder.lock())) != null) return lock;
            reporter.state(State.WAITING);
        }
    }

    private String where() {
        return folder.repo().id() + " at " + revision.name() + ", " + settings.endpoint();
    }

    private Pulled offline() throws IOException {
        try {
            return CachedSnapshot.find(folder, revision, "offline (HF_HUB_OFFLINE is set)");
        } catch (Problem p) {
            throw p.instead("HF_HUB_OFFLINE is set: unset it and pull again");
        }
    }

    /**
     * The snapshot of an earlier pull, as a fallback when the hub does not answer (as huggingface_hub's
     * snapshot_download).
     */
    private Pulled earlierSnapshot(Problem trouble) throws IOException {
        try {
            return CachedSnapshot.find(folder, revision, "an earlier download, because " + trouble.what());
        } catch (Problem nothing) {
            throw trouble;
        }
    }

    /** The Problem of a hub that cannot be reached. */
    Problem unreachable(IOException e) {
        return Problem.of(Problem.Kind.UPSTREAM, "the hub cannot be reached")
                .where(settings.endpoint())
                .found(e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage())
                .instead("check the network, the proxy (HTTPS_PROXY) and HF_ENDPOINT; what has arrived is kept")
                .causedBy(e);
    }

    private RepoInfo info() throws IOException {
        URI uri = http.urls().info(folder.repo(), revision);
        HttpResponse<InputStream> answer = http.get(uri, 0, cancel);
        try (InputStream in = answer.body();
                StallWatchdog watch = new StallWatchdog(in, settings.silence().multipliedBy(3), cancel)) {
            if (answer.statusCode() != 200) throw refusal.of(answer, null);
            byte[] body = in.readNBytes(MAX_INFO_BYTES);
            cancel.check();
            if (watch.silent()) throw new IOException("the hub went silent");
            return RepoInfo.parse(body, HubHttp.plain(uri));
        }
    }

    /** The snapshot, if it is complete already. */
    private Optional<Pulled> cached(RepoInfo info, FileChoice choice) throws IOException {
        List<String> names = new ArrayList<>(choice.small());
        if (choice.weights() != null) {
            names.add(choice.weights());
        } else if (present(info, FileChoice.INDEX)) {
            names.addAll(FileChoice.shards(pointer(info, FileChoice.INDEX)));
        }
        List<Pulled.File> files = new ArrayList<>();
        long total = 0;
        for (String name : names) {
            if (!present(info, name)) return Optional.empty();
            long bytes = Files.size(pointer(info, name));
            files.add(new Pulled.File(name, bytes, Pulled.How.CACHED));
            total += bytes;
        }
        try {
            folder.writeRef(revision, info.commit());
        } catch (IOException e) {
            // A read-only cache can still be used.
        }
        reporter.plan(files.size(), total);
        reporter.alreadyPresent(total);
        return Optional.of(done(info, files));
    }

    private Pulled done(RepoInfo info, List<Pulled.File> files) {
        reporter.state(State.DONE);
        return new Pulled(
                folder.snapshot(info.commit()),
                info.commit(),
                files,
                folder.repo().slug(),
                null);
    }

    private Path pointer(RepoInfo info, String name) {
        return folder.snapshot(info.commit()).resolve(name);
    }

    /** Whether the snapshot has the file, with the size that the hub states. */
    private boolean present(RepoInfo info, String name) throws IOException {
        return whole(pointer(info, name), info.sizes().getOrDefault(name, -1L));
    }

    private static boolean whole(Path file, long size) throws IOException {
        return Files.isRegularFile(file) && (size < 0 || Files.size(file) == size);
    }

    private Pulled fetch(RepoInfo info, FileChoice choice) throws IOException {
        folder.create();
        plan(info, choice.small(), choice.weights() == null ? List.of() : List.of(choice.weights()));
        for (String name : choice.small()) fetch(info, head(info, name));
        List<String> weights = weights(info, choice);
        plan(info, choice.small(), weights);
        List<RemoteFile> remote = new ArrayList<>();
        for (String name : weights) remote.add(head(info, name));
        long missing = 0;
        for (RemoteFile file : remote) missing += missing(file);
        disk.require(folder.dir(), missing);
        for (RemoteFile file : remote) fetch(info, file);
        return link(info);
    }

    private void plan(RepoInfo info, List<String> small, List<String> weights) {
        long total = 0;
        for (String name : small) total += Math.max(0, info.sizes().get(name));
        for (String name : weights) total += Math.max(0, info.sizes().get(name));
        reporter.plan(small.size() + weights.size(), total);
    }

    private List<String> weights(RepoInfo info, FileChoice choice) {
        if (choice.weights() != null) return List.of(choice.weights());
        List<String> shards = FileChoice.shards(fetched.get(FileChoice.INDEX).path());
        List<String> absent =
                shards.stream().filter(s -> !info.sizes().containsKey(s)).toList();
        if (absent.isEmpty()) return shards;
        throw Problem.notFound("the repository is incomplete: its index names shards that it does not have")
                .where(where())
                .found("missing: " + DisplayNames.names(absent));
    }

    /** The file's metadata on the hub; without an etag when the snapshot has it already. */
    private RemoteFile head(RepoInfo info, String name) throws IOException {
        long listed = info.sizes().get(name);
        if (present(info, name)) return new RemoteFile(name, null, listed);
        HttpResponse<InputStream> answer = http.head(http.urls().resolve(folder.repo(), info.commit(), name), cancel);
        answer.body().close();
        if (answer.statusCode() / 100 > 3) throw refusal.of(answer, name);
        return RemoteFile.of(name, answer, info.commit(), listed);
    }

    private long missing(RemoteFile file) throws IOException {
        if (file.etag() == null || whole(folder.blob(file.etag()), file.size())) return 0;
        Path part = folder.part(file.etag());
        return Math.max(0, file.size() - (Files.exists(part) ? Files.size(part) : 0));
    }

    private void fetch(RepoInfo info, RemoteFile file) throws IOException {
        cancel.check();
        reporter.file(file.name());
        Path blob = file.etag() == null ? null : folder.blob(file.etag());
        if (blob == null || whole(blob, file.size())) {
            Path path = blob == null ? pointer(info, file.name()) : blob;
            reporter.alreadyPresent(Files.size(path));
            fetched.put(file.name(), new Fetched(path, file.etag(), Pulled.How.CACHED));
            return;
        }
        URI uri = http.urls().resolve(folder.repo(), info.commit(), file.name());
        fetched.put(file.name(), new Fetched(blob, file.etag(), download.run(uri, file)));
    }

    private Pulled link(RepoInfo info) throws IOException {
        List<String> names = new ArrayList<>(fetched.keySet());
        names.remove(FileChoice.CONFIG);
        names.add(FileChoice.CONFIG);
        List<Pulled.File> files = new ArrayList<>();
        for (String name : names) {
            Fetched f = fetched.get(name);
            if (f.etag() != null) {
                folder.link(info.commit(), name, f.etag(), f.how() != Pulled.How.CACHED);
            }
            files.add(new Pulled.File(name, Files.size(pointer(info, name)), f.how()));
        }
        folder.writeRef(revision, info.commit());
        return done(info, files);
    }
}
