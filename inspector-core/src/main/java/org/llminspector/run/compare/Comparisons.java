package org.llminspector.run.compare;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.output.Divergence.Metric;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequestBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonFolder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.ComparisonStore;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;

/** Comparisons of paired runs: run, stored, listed. Thread-safe. */
public final class Comparisons implements AutoCloseable {

    /** One row of the list. {@code prompt} is null without one; {@code meanKld} is of the corpus, else of the text, else of the prompt. */
    public record Summary(
            String id,
            String created,
            String name,
            SideSummary a,
            SideSummary b,
            String prompt,
            int promptTokens,
            int textTokens,
            Double meanKld,
            Double pplRatio) {}

    public record SideSummary(String model, String engine, String precision, int interventions) {}

    /** Which positions: those of the prompt or of the text. */
    public enum Part {
        PROMPT,
        TEXT
    }

    /**
     * One position of one hook on both sides.
     *
     * @param axes remaining without batch and position
     * @param difference B minus A
     */
    public record Cell(HookId hook, int position, List<String> axes, Tensor a, Tensor b, Tensor difference) {}

    private static final long MOST_CACHED_BYTES = 64L << 20;

    private final OpenModels models;
    private final RunStore runs;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final ComparisonStore store;
    private final Supplier<String> defaultModel;
    private final Sweeps sweeps;
    /** LRU cache of both sides' captures of the hooks viewed last. */
    private final Map<String, Capture[]> seen = new LinkedHashMap<>(16, 0.75f, true);

    public Comparisons(
            OpenModels models,
            RunStore runs,
            RunQueue queue,
            CaptureBudget budget,
            ComparisonStore store,
            Supplier<String> defaultModel,
            Sweeps sweeps) {
        this.models = models;
        this.runs = runs;
        this.queue = queue;
        this.budget = budget;
        this.store = store;
        this.defaultModel = defaultModel;
        this.sweeps = sweeps;
    }

    /** Runs a comparison to the end on the queue's worker and stores the result. Blocks; the listener gets progress. */
    public ComparisonManifest compare(ComparisonRequest request, ComparisonListener listener) {
        return compare(request, null, listener);
    }

    /** The same, with A's log-probabilities over the text written into a file; null for none. */
    public ComparisonManifest compare(ComparisonRequest request, Path kld, ComparisonListener listener) {
        return compare(request, kld, UnaryOperator.identity(), listener);
    }

    /**
     * The same, with A's log-probabilities over the text written as {@code llama-perplexity --kl-divergence-base}
     * writes them.
     *
     * @param kld the file, which requires a text in llama.cpp's windows; null for none
     * @param located the corpus as this machine has it; the manifest keeps what was asked
     */
    public ComparisonManifest compare(
            ComparisonRequest request,
            Path kld,
            UnaryOperator<SweepRequest.Texts> located,
            ComparisonListener listener) {
        CorpusComparison corpus = request.corpus() == null ? null : new CorpusComparison(sweeps, request, located);
        ComparisonRequest reads = corpus == null ? request : corpus.withPrompt();
        PreparedComparison prepared = PreparedComparison.of(reads, models, defaultModel, budget, runs);
        if (kld != null && (prepared.text() == null || !prepared.text().chunks())) {
            throw Problem.invalid("log-probabilities are kept of a text in llama.cpp's windows")
                    .where("options.windows, text")
                    .expected("windows llama_cpp, and a text");
        }
        try (RunQueue.Place place =
                queue.enter(store::newId, "comparison", prepared.a().folder().slug())) {
            listener.queued(place.id(), place.ahead());
            ComparisonFolder folder = store.begin(place.id());
            try {
                ComparisonManifest.CorpusPart part = corpus == null ? null : corpus.run(folder, place, listener);
                return compare(place, prepared, folder, part, kld, listener);
            } finally {
                ComparisonStore.abandon(folder); // no longer there once published
            }
        }
    }

    private ComparisonManifest compare(
            RunQueue.Place place,
            PreparedComparison prepared,
            ComparisonFolder folder,
            ComparisonManifest.CorpusPart corpus,
            Path kld,
            ComparisonListener listener) {
        BooleanSupplier cancelled = () -> listener.cancelled() || place.cancelled();
        try (OpenModels.Lease a = lease(prepared.a(), "A", listener, cancelled);
                OpenModels.Lease b = lease(prepared.b(), "B", listener, cancelled);
                OpenModels.Lease floor =
                        prepared.floor() == null ? null : lease(prepared.floor(), "A again", listener, cancelled);
                OpenModels.Lease gradients = prepared.gradients() == null
                        ? null
                        : lease(prepared.gradients(), "A in float32", listener, cancelled)) {
            return place.call(() -> new ComparisonExecution(
                            place.id(), prepared, folder, corpus, budget, store, listener, cancelled, kld)
                    .run());
        }
    }

    /**
     * Compares a model with a file written by {@code llama-perplexity --kl-divergence-base} or {@link #compare};
     * nothing is stored.
     */
    public BaseComparison.Answer against(Path kld, RunRequest side, Integer top, ComparisonListener listener) {
        try (KldFile.Reader base = new KldFile.Reader(kld)) {
            ModelFolder folder = models.folder(side.model() == null ? defaultModel.get() : side.model());
            BaseComparison comparison = BaseComparison.of(base, side, folder, models, budget, runs, top);
            try (RunQueue.Place place = queue.enter(store::newId, "comparison", folder.slug())) {
                listener.queued(place.id(), place.ahead());
                BooleanSupplier cancelled = () -> listener.cancelled() || place.cancelled();
                try (OpenModels.Lease lease = lease(comparison.side(), "the model", listener, cancelled)) {
                    return place.call(() -> comparison.run(kld, listener, cancelled));
                }
            }
        }
    }

    /** Distances between two sides at hooks, by layer and position; nothing is stored. */
    public Distances.Answer distances(Distances.Request request) {
        ComparisonRequest sides =
                ComparisonRequestBuilder.builder().a(request.a()).b(request.b()).build();
        PreparedComparison prepared = PreparedComparison.of(sides, models, defaultModel, budget, runs);
        HookComparison hooks = new HookComparison(prepared.a(), prepared.b(), budget, Distances.hooks(request));
        hooks.chunks(prepared.a().run().ids().length); // refused before it waits if it does not fit
        try (RunQueue.Place place =
                        queue.enter("distances", prepared.a().folder().slug());
                OpenModels.Lease a = prepared.a().lease(p -> {}, place::cancelled);
                OpenModels.Lease b = prepared.b().lease(p -> {}, place::cancelled)) {
            return place.call(() -> Distances.of(prepared.a(), prepared.b(), hooks));
        }
    }

    /** Opens one side on the caller's thread, outside the queue, and reports progress to the listener. */
    private static OpenModels.Lease lease(
            ComparisonSide side, String name, ComparisonListener listener, BooleanSupplier cancelled) {
        String note = "opening " + name + ", " + side.folder().slug();
        return side.lease(
                p -> listener.progress(new ComparisonListener.Progress("opening", percent(p), 100, note, null)),
                cancelled);
    }

    private static int percent(Opening.Progress p) {
        return p.of() == 0 ? 0 : (int) (100 * p.done() / p.of());
    }

    /** Newest first, older than {@code before} (an id) when given. */
    public List<Summary> list(int limit, String before) {
        return store.list(limit, before).stream().map(Comparisons::summary).toList();
    }

    private static Summary summary(ComparisonManifest m) {
        StringBuilder prompt = new StringBuilder();
        m.a().tokens().stream().limit(100).map(Token::text).forEach(prompt::append);
        var measures = m.text() == null ? m.prompt() : m.text().measures();
        Double kld = measures == null ? null : Double.valueOf(measures.meanKld().value());
        if (m.corpus() != null) kld = m.corpus().divergence().meanKld().value();
        return new Summary(
                m.id(),
                m.created(),
                m.name(),
                summary(m.a()),
                summary(m.b()),
                m.a().tokens().isEmpty() ? null : prompt.toString(),
                m.a().tokens().size(),
                m.text() == null ? 0 : m.text().tokens(),
                kld,
                measures == null || measures.pplRatio() == null
                        ? null
                        : measures.pplRatio().value());
    }

    private static SideSummary summary(ComparisonManifest.Side s) {
        return new SideSummary(
                s.model().slug(),
                s.engine().name(),
                s.engine().precision().name().toLowerCase(Locale.ROOT),
                s.request().interventions().size());
    }

    public ComparisonManifest manifest(String id) {
        return store.folder(id).manifest();
    }

    public void delete(String id) {
        store.delete(id);
        synchronized (seen) {
            seen.keySet().removeIf(key -> key.startsWith(id));
        }
    }

    /** Positions [from, from + limit) of the prompt or the text. */
    public List<ComparedToken> tokens(String id, Part part, int from, int limit) {
        ComparisonFolder folder = store.folder(id);
        return folder.lines(part == Part.PROMPT ? folder.promptFile() : folder.textFile(), from, limit);
    }

    /**
     * One metric of a point: {@code relative_l2}, {@code cosine}, {@code max_abs} or {@code sqnr} as [layer, pos];
     * {@code head} as [layer, head, pos], which is Jensen-Shannon divergence in nats for patterns and relative L2 for
     * other values with heads. Layers without the point are NaN.
     */
    public Tensor divergence(String id, HookPoint point, String metric) {
        boolean heads = point.axisIndex(Axis.HEAD) >= 0;
        List<String> metrics = new ArrayList<>();
        for (Metric m : Metric.values()) metrics.add(m.name().toLowerCase(Locale.ROOT));
        if (heads) metrics.add("head");
        if (!metrics.contains(metric)) {
            throw Problem.invalid("there is no such measure of this hook")
                    .where("metric of " + point.template())
                    .expected(String.join(", ", metrics))
                    .found('"' + metric + '"');
        }
        return tensor(id, ComparisonFolder.name(metric, point), point);
    }

    private Tensor tensor(String id, String name, HookPoint point) {
        Tensor tensor = store.folder(id).tensor(name);
        if (tensor != null) return tensor;
        throw Problem.notFound("the comparison has no such hook point")
                .where("comparison " + id + ", " + point.template())
                .instead("GET /comparisons/" + id + " lists the hooks it has, and why others were left out");
    }

    /**
     * Both sides' values of one hook at one position, recomputed, since the comparison stores distances only. The first
     * request for a hook runs both prompts; other positions are then served from the cache.
     */
    public Cell cell(String id, HookId hook, int position) {
        ComparisonManifest m = manifest(id);
        if (m.hooks().stream().noneMatch(row -> row.hook().equals(hook))) {
            throw Problem.notFound("the comparison has no such hook")
                    .where("comparison " + id + ", " + hook)
                    .instead("GET /comparisons/" + id + " lists the hooks it has");
        }
        int n = m.a().tokens().size();
        int at = position < 0 ? position + n : position;
        if (at < 0 || at >= n) {
            throw Problem.invalid("the position is outside the prompt")
                    .where("pos")
                    .expected("0 to " + (n - 1))
                    .found(position);
        }
        Capture[] both = captures(m, hook);
        Tensor a = at(both[0].get(hook), hook.point(), at);
        Tensor b = at(both[1].get(hook), hook.point(), at);
        float[] x = a.toFloats();
        float[] y = b.toFloats();
        for (int i = 0; i < y.length; i++) y[i] = y[i] == x[i] ? 0 : y[i] - x[i];
        List<String> axes = hook.point().axes().stream()
                .filter(axis -> axis != Axis.BATCH && axis != Axis.POS && axis != Axis.QUERY)
                .map(Axis::label)
                .toList();
        return new Cell(hook, at, axes, a, b, Tensor.of(y, a.shape()));
    }

    private Capture[] captures(ComparisonManifest m, HookId hook) {
        String key = m.id() + " " + hook;
        synchronized (seen) {
            Capture[] known = seen.get(key);
            if (known != null) return known;
        }
        ComparisonSide a = reopen(m.a(), "a");
        ComparisonSide b = reopen(m.b(), "b");
        Capture[] both;
        try (RunQueue.Place place = queue.enter("cell", a.folder().slug());
                OpenModels.Lease leaseA = a.lease(p -> {}, place::cancelled);
                OpenModels.Lease leaseB = b.lease(p -> {}, place::cancelled)) {
            both = place.call(() -> new Capture[] {
                a.capture(a.run().ids(), List.of(hook)), b.capture(b.run().ids(), List.of(hook))
            });
        }
        synchronized (seen) {
            seen.put(key, both);
            long bytes = seen.values().stream()
                    .mapToLong(c -> c[0].byteSize() + c[1].byteSize())
                    .sum();
            var eldest = seen.entrySet().iterator();
            while (bytes > MOST_CACHED_BYTES && seen.size() > 1) {
                Capture[] gone = eldest.next().getValue();
                bytes -= gone[0].byteSize() + gone[1].byteSize();
                eldest.remove();
            }
        }
        return both;
    }

    private ComparisonSide reopen(ComparisonManifest.Side side, String name) {
        ModelFolder folder = models.folder(side.model().slug());
        if (!folder.sha256().equals(side.model().weightsSha256())) {
            throw Problem.of(Problem.Kind.CONFLICT, "the model's weights are not those that were compared")
                    .where(name + ": " + folder.slug())
                    .instead("compare again");
        }
        return new ComparisonSide(PreparedRun.of(side.request(), folder, budget, runs), models);
    }

    /** [1, pos, ...] or [1, head, query, key] at one position, without batch and position. */
    private static Tensor at(Tensor value, HookPoint point, int position) {
        long[] shape = value.shape();
        int axis = point.axisIndex(Axis.KEY) >= 0 ? 2 : 1;
        int[][] ranges = new int[shape.length][];
        for (int i = 0; i < shape.length; i++) ranges[i] = new int[] {0, Math.toIntExact(shape[i])};
        ranges[axis] = new int[] {position, position + 1};
        long[] rest = new long[shape.length - 2];
        int r = 0;
        for (int i = 1; i < shape.length; i++) if (i != axis) rest[r++] = shape[i];
        return value.slice(ranges).reshaped(rest);
    }

    @Override
    public void close() {
        store.close();
    }
}
