package org.llminspector.run.sweep;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.llminspector.analysis.reduce.state.Mergeable;
import org.llminspector.base.Problem;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;

/**
 * Sweeps of models over corpora: corpus, documents, windows, shards, parts, and the parts merged. A part that is there is
 * not made again, so that a killed sweep goes on and a repeated one is free. Thread-safe.
 */
public final class Sweeps {

    /** Most bytes of a sweep's parts, unless a request allows more. */
    public static final long MOST_BYTES = 4L << 30;

    private final OpenModels models;
    private final RunQueue queue;
    private final Supplier<String> defaultModel;

    public Sweeps(OpenModels models, RunQueue queue, Supplier<String> defaultModel) {
        this.models = models;
        this.queue = queue;
        this.defaultModel = defaultModel;
    }

    /**
     * One process's shards of a sweep: those whose number leaves the remainder {@code index} when divided by {@code of}.
     *
     * @param index from 0
     */
    public record Share(int index, int of) {

        public static final Share ALL = new Share(0, 1);

        public Share {
            if (of < 1 || index < 0 || index >= of) {
                throw Problem.invalid("there is no such share of the shards")
                        .where("shard")
                        .expected("i/n with i from 0 to n - 1")
                        .found(index + "/" + of);
            }
        }

        boolean has(int shard) {
            return shard % of == index;
        }
    }

    /**
     * A sweep's end.
     *
     * @param files the merged results, by reducer; empty while other processes' parts are missing
     * @param computed parts that this process made; the others were there
     * @param missing shards whose parts are not there
     * @param tokens that the model read in this process
     * @param seconds that engine and reducers worked in this process
     */
    public record Done(
            SweepManifest manifest,
            Map<String, Path> files,
            int computed,
            List<Integer> missing,
            long tokens,
            double seconds) {}

    /** The first window of a sweep's corpus; empty where no document has a token. */
    public int[] firstWindow(SweepRequest request) {
        check(request);
        SweepSide a = a(request);
        Windows windows = new Windows(a.prefix(), PreparedSweep.window(request, a, b(request)));
        Corpora.open(request.corpus()).documents().read(d -> {
            windows.add(d.id(), a.ids(d.text()));
            return windows.size() == 0;
        });
        return windows.size() == 0 ? new int[0] : windows.tokens(0);
    }

    /** Refuses a request whose models or reducers there are not, before its corpus is read. */
    public void check(SweepRequest request) {
        PreparedSweep.check(request, a(request), b(request));
    }

    private SweepSide a(SweepRequest request) {
        RunRequest asked = request.a() == null ? RunRequest.builder().build() : request.a();
        return SweepSide.of(asked, models.folder(asked.model() == null ? defaultModel.get() : asked.model()));
    }

    /** The other side, whose model and device are a's where it names none; null without one. */
    private SweepSide b(SweepRequest request) {
        if (request.b() == null) return null;
        SweepSide a = a(request);
        RunRequest asked = request.b().device() != null
                ? request.b()
                : request.b().toBuilder().device(a.request().device()).build();
        return SweepSide.of(asked, asked.model() == null ? a.folder() : models.folder(asked.model()));
    }

    /** A model's tokens by id; their ids alone where the model is gone. */
    IntFunction<Token> tokens(String slug) {
        try {
            return models.folder(slug)::token;
        } catch (Problem gone) {
            return Token::ofId;
        }
    }

    /**
     * Runs a sweep's shards, each on the queue's worker, and merges the parts once all are there. Blocks; the listener gets
     * progress.
     *
     * @param out the sweep's folder, made if it is missing
     * @param mostBytes of all parts; more are refused before anything runs
     */
    public Done run(SweepRequest request, Path out, Share share, long mostBytes, SweepListener listener) {
        return run(request, out, share, mostBytes, listener, null);
    }

    /**
     * The same as steps of another piece of work.
     *
     * @param place of that work in the queue, which goes to the end of it with each shard; null for a place of each
     *     shard's own
     */
    public Done run(
            SweepRequest request, Path out, Share share, long mostBytes, SweepListener listener, RunQueue.Place place) {
        SweepFolder folder = new SweepFolder(out);
        try (OpenSweep sweep = open(request, mostBytes, listener, place)) {
            sweep.plan(folder);
            return run(sweep, folder, share, listener);
        }
    }

    /**
     * Opens a sweep: its corpus is read, its models are open, its parts have names. No shard is computed. The caller closes it.
     *
     * @param mostBytes of all parts; more are refused
     * @param listener gets the phases
     */
    public OpenSweep open(SweepRequest request, long mostBytes, SweepListener listener) {
        return open(request, mostBytes, listener, null);
    }

    private OpenSweep open(SweepRequest request, long mostBytes, SweepListener listener, RunQueue.Place place) {
        check(request);
        listener.progress(new SweepListener.Progress("reading", 0, 0, 0, 0, -1));
        PreparedSweep sweep = new PreparedSweep(request, a(request), b(request), listener::cancelled);
        listener.progress(new SweepListener.Progress("opening", 0, 0, 0, 0, -1));
        OpenSweep open = OpenSweep.open(sweep, models, place == null ? ownPlaces(sweep) : place::call, listener);
        try {
            open.refuseAbove(mostBytes);
            return open;
        } catch (Problem tooLarge) {
            open.close();
            throw tooLarge;
        }
    }

    /** SHA-256 of the weights of each side: a, and b where there is one. */
    public List<String> weights(SweepRequest request) {
        SweepSide b = b(request);
        String a = a(request).folder().sha256();
        return b == null ? List.of(a) : List.of(a, b.folder().sha256());
    }

    private OpenSweep.Worker ownPlaces(PreparedSweep sweep) {
        return new OpenSweep.Worker() {
            @Override
            public <T> T call(Callable<T> work) {
                return queue.call("sweep", sweep.a().folder().slug(), work);
            }
        };
    }

    private static Done run(OpenSweep sweep, SweepFolder folder, Share share, SweepListener listener) {
        SweepManifest manifest = sweep.manifest();
        List<String> parts = manifest.parts();
        List<Integer> own =
                IntStream.range(0, parts.size()).filter(share::has).boxed().toList();
        List<Integer> todo = own.stream().filter(s -> !folder.has(parts.get(s))).toList();
        listener.planned(manifest, own.size() - todo.size());
        SweepClock clock = new SweepClock(
                listener,
                own.size(),
                todo.size(),
                todo.stream().mapToLong(sweep::tokens).sum());
        for (int shard : todo) {
            sweep.compute(shard, folder, clock::ran, listener::cancelled);
            clock.finished();
        }
        List<Integer> missing = folder.missing(manifest);
        Map<String, Path> files = Map.of();
        if (missing.isEmpty()) {
            listener.progress(new SweepListener.Progress("merging", own.size(), own.size(), clock.windows(), 0, 0));
            files = merged(folder, manifest, sweep.model());
        }
        return new Done(manifest, files, todo.size(), missing, clock.read(), clock.seconds());
    }

    /**
     * Merges a sweep whose parts are all there; nothing is computed, and no corpus is read.
     *
     * @param slug the model, or null for the one of the sweep's name
     * @throws Problem CONFLICT where parts are missing, or the model's weights are others than the sweep's
     */
    public Done merge(Path out, String slug) {
        SweepFolder folder = new SweepFolder(out);
        SweepManifest manifest = folder.manifest();
        ModelFolder model = models.folder(slug == null ? manifest.model().slug() : slug);
        if (!model.sha256().equals(manifest.model().weightsSha256())) {
            throw Problem.of(Problem.Kind.CONFLICT, "the model is not the one that the sweep is of")
                    .where(model.slug())
                    .expected("weights with SHA-256 " + manifest.model().weightsSha256())
                    .found(model.sha256())
                    .instead("name the sweep's model: --model");
        }
        return new Done(manifest, merged(folder, manifest, model), 0, List.of(), 0, 0);
    }

    private static Map<String, Path> merged(SweepFolder folder, SweepManifest manifest, ModelFolder model) {
        List<Mergeable> states = PreparedSweep.states(manifest.request(), model);
        Map<String, Path> files = new LinkedHashMap<>(Merge.merge(folder, manifest, states));
        Path imatrix = Merge.imatrix(folder, manifest, model.weights());
        if (imatrix != null) files.put(Merge.IMATRIX, imatrix);
        files.putAll(TaskResults.write(folder));
        return files;
    }
}
