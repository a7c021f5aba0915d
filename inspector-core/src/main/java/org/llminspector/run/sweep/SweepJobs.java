package org.llminspector.run.sweep;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.RootNames;
import org.llminspector.base.Writes;
import org.llminspector.local.ModelCache;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.work.RunQueue;

/**
 * Sweeps that this program runs by itself, a folder each beside the runs. One runs at a time, on a thread of its own; runs
 * of models go on between its shards. Thread-safe.
 */
public final class SweepJobs implements AutoCloseable {

    private static final Pattern ID = Pattern.compile("[0-9]{8}-[0-9]{6}-[0-9]{3}-[0-9a-f]{6}");

    private final Path root;
    private final Path texts;
    private final Sweeps sweeps;
    private final RunQueue queue;
    private final Supplier<String> ids;
    private final ShippedSweeps shipped;
    private final Map<String, SweepThread> threads = new LinkedHashMap<>(); // of this process
    private boolean closed;

    /**
     * @param root parent of the sweeps' folders
     * @param texts the folder whose files, and no others, a request's corpus may name
     * @param models some come with a sweep
     */
    public SweepJobs(Path root, Path texts, Sweeps sweeps, RunQueue queue, Supplier<String> ids, ModelCache models) {
        this.root = root;
        this.texts = texts;
        this.sweeps = sweeps;
        this.queue = queue;
        this.ids = ids;
        this.shipped = new ShippedSweeps(models);
    }

    /**
     * Begins a sweep.
     *
     * @throws Problem INVALID for a request that cannot be run; NOT_FOUND for a model or a corpus that is missing; CONFLICT
     *     while another one runs; STORAGE where nothing can be written
     */
    public synchronized SweepJob begin(SweepRequest request) {
        sweeps.check(located(request));
        free();
        String id = ids.get();
        Path dir = root.resolve(id);
        try {
            Files.createDirectories(root);
            Writes.privateFolder(dir);
            Writes.replace(dir.resolve(SweepFolder.REQUEST), Json.write(request));
        } catch (IOException e) {
            throw Writes.failed("the sweep cannot be kept", dir, e);
        }
        start(id, request);
        return job(id);
    }

    /** Goes on with a sweep where it was; one that is finished only merges its parts again. */
    public synchronized SweepJob resume(String id) {
        shipped.refuse(id, "gone on with");
        SweepRequest request = folder(id).request();
        free();
        start(id, request);
        return job(id);
    }

    private void start(String id, SweepRequest request) {
        if (closed) throw Problem.of(Problem.Kind.BUSY, "the program is closing");
        SweepRequest here = located(request);
        Path dir = root.resolve(id);
        threads.put(
                id,
                SweepThread.start(
                        id, queue, listener -> sweeps.run(here, dir, Sweeps.Share.ALL, Sweeps.MOST_BYTES, listener)));
    }

    private void free() {
        threads.values().stream().filter(t -> !t.ended()).findFirst().ifPresent(busy -> {
            throw Problem.of(Problem.Kind.CONFLICT, "another sweep is under way")
                    .where("sweep " + busy.id())
                    .expected("one at a time")
                    .instead("stop it, or wait until it has ended");
        });
    }

    private SweepRequest located(SweepRequest request) {
        return new SweepRequest(
                request.a(),
                request.b(),
                located(request.corpus()),
                request.window(),
                request.reduce(),
                request.hooks(),
                request.shardWindows(),
                request.name());
    }

    /**
     * A client's corpus by its path on this machine: a corpus by name, or a file below the folder of texts.
     *
     * @throws Problem NOT_FOUND for any other
     */
    public SweepRequest.Texts located(SweepRequest.Texts corpus) {
        if (corpus == null || corpus.path() == null) throw Corpora.none();
        if (Corpora.named(corpus.path())) return corpus;
        Path real = beside(corpus.path());
        if (real == null) {
            throw Problem.notFound("there is no such corpus")
                    .where("corpus.path")
                    .expected("tales:train, tales:held_out, or a file or folder in " + texts)
                    .found(Problem.shown(corpus.path()))
                    .instead("put the texts there, or run `inspector sweep` on this machine");
        }
        return new SweepRequest.Texts(
                real.toString(),
                corpus.documents(),
                corpus.field(),
                corpus.id(),
                corpus.paragraphs(),
                corpus.skipBad());
    }

    /** A file or folder below the folder of texts; null where there is none of this name, or it is a link out of it. */
    Path beside(String name) {
        try {
            Path real = texts.resolve(name).toRealPath();
            return real.startsWith(texts.toRealPath()) ? real : null;
        } catch (IOException | java.nio.file.InvalidPathException e) {
            return null;
        }
    }

    /** Ends a sweep after the batch under way; what is finished is kept. */
    public synchronized SweepJob stop(String id) {
        dir(id);
        SweepThread thread = threads.get(id);
        if (thread == null || thread.ended()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the sweep is not under way")
                    .where("sweep " + id);
        }
        thread.end();
        return job(id);
    }

    /** All, the newest first; then those that came with models. */
    public synchronized List<SweepJob> list() {
        List<String> all = new ArrayList<>();
        if (Files.isDirectory(root)) {
            try (Stream<Path> own = Files.list(root)) {
                own.map(p -> p.getFileName().toString())
                        .filter(n -> ID.matcher(n).matches())
                        .sorted(Comparator.reverseOrder())
                        .forEach(all::add);
            } catch (IOException e) {
                throw Reads.unreadable(root, e);
            }
        }
        all.addAll(shipped.ids());
        return all.stream().map(this::listed).toList();
    }

    /** The job; where its files cannot be read, an entry with the reason, so that the list still works. */
    private SweepJob listed(String id) {
        try {
            return job(id);
        } catch (Problem p) {
            return SweepJob.unreadable(id, RootNames.shown(p.getMessage()));
        }
    }

    public synchronized SweepJob job(String id) {
        Path dir = dir(id);
        SweepThread thread = threads.get(id);
        SweepFolder folder = new SweepFolder(dir);
        SweepManifest manifest = Files.exists(dir.resolve("sweep.json")) ? folder.manifest() : null;
        int parts = manifest == null
                ? 0
                : manifest.parts().size() - folder.missing(manifest).size();
        boolean came = manifest != null && !Files.exists(dir.resolve(SweepFolder.REQUEST));
        if (came) parts = manifest.parts().size(); // without their files
        boolean whole = manifest != null && parts == manifest.parts().size();
        List<String> results = whole ? List.copyOf(folder.results().keySet()) : List.of();
        SweepJob.State state =
                thread != null ? thread.state() : results.isEmpty() ? SweepJob.State.STOPPED : SweepJob.State.FINISHED;
        return new SweepJob(
                id,
                state,
                came ? manifest.request() : folder.request(),
                manifest == null ? null : manifest.brief(),
                thread == null || thread.ended() ? null : thread.progress(),
                thread == null || thread.ended() ? null : thread.estimate(),
                parts,
                manifest == null ? 0 : manifest.parts().size(),
                results,
                results.isEmpty() ? null : new SweepResults(folder).loss(),
                results.isEmpty() ? null : new SweepResults(folder).divergence(),
                results.isEmpty() ? null : new SweepResults(folder).evaluation(),
                thread == null ? null : thread.trouble());
    }

    SweepFolder folder(String id) {
        return new SweepFolder(dir(id));
    }

    /** The merged results. */
    public SweepResults results(String id) {
        return new SweepResults(folder(id));
    }

    /** What a sweep says of one neuron, head or expert; its examples' tokens have texts while the model is here. */
    public SweepResults.Unit unit(String id, String hook, int unit) {
        return results(id)
                .unit(
                        hook,
                        unit,
                        sweeps.tokens(
                                new SweepFolder(dir(id)).manifest().model().slug()));
    }

    /** Which tokens cost most; their texts while the model is here. */
    public TokenLosses tokens(String id, TokenLosses.Order order) {
        SweepFolder folder = folder(id);
        return TokenLosses.of(
                new SweepResults(folder).file("loss"),
                order,
                sweeps.tokens(folder.manifest().model().slug()));
    }

    /** The importance matrix of a finished sweep, for llama-quantize. */
    public Path imatrix(String id) {
        Path file = dir(id).resolve(Merge.IMATRIX);
        if (Files.isRegularFile(file)) return file;
        throw Problem.notFound("the sweep has no importance matrix")
                .where("sweep " + id)
                .expected("a finished sweep with the reducer imatrix, of an architecture that llama.cpp has")
                .instead("sweep again with \"reduce\": [\"imatrix\"]");
    }

    /** An evaluation's file with a line for each task. */
    public Path evaluation(String id) {
        Path file = folder(id).evaluationLines();
        if (Files.isRegularFile(file)) return file;
        throw Problem.notFound("the sweep has no evaluation")
                .where("sweep " + id)
                .expected("a finished sweep of a .jsonl of tasks")
                .instead("sweep again with \"reduce\": [\"loglikelihood\"]");
    }

    /** Deletes a sweep's folder; one under way has to be stopped first. */
    public synchronized void delete(String id) {
        shipped.refuse(id, "deleted");
        Path dir = dir(id);
        SweepThread thread = threads.get(id);
        if (thread != null && !thread.ended()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the sweep is under way")
                    .where("sweep " + id)
                    .instead("stop it first");
        }
        try {
            Writes.deleteAll(dir);
        } catch (IOException e) {
            throw Writes.failed("the sweep cannot be deleted", dir, e);
        }
        threads.remove(id);
    }

    /** Blocks until the sweep has ended or {@code gone} answers true; the job as it is then. */
    public SweepJob watch(String id, Consumer<SweepListener.Progress> listener, BooleanSupplier gone) {
        SweepThread thread;
        synchronized (this) {
            dir(id);
            thread = threads.get(id);
        }
        if (thread != null) thread.watch(listener, gone);
        return job(id);
    }

    private Path dir(String id) {
        if (id != null && ID.matcher(id).matches() && Files.isDirectory(root.resolve(id))) return root.resolve(id);
        Path came = id == null ? null : shipped.dir(id);
        if (came != null) return came;
        throw Problem.notFound("there is no such sweep")
                .where("sweep " + Problem.shown(id))
                .instead("GET /sweeps lists what there is");
    }

    /** Stops what runs, and waits for it. */
    @Override
    public void close() {
        List<SweepThread> running;
        synchronized (this) {
            closed = true;
            running = threads.values().stream().filter(t -> !t.ended()).toList();
        }
        running.forEach(SweepThread::end);
        running.forEach(SweepThread::join);
    }
}
