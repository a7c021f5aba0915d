package org.llminspector.run.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.reduce.OutputPairs;
import org.llminspector.analysis.reduce.Reducer;
import org.llminspector.analysis.reduce.Reducers;
import org.llminspector.analysis.reduce.SweptModel;
import org.llminspector.analysis.reduce.WindowBatch;
import org.llminspector.analysis.reduce.state.Mergeable;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.corpus.BadLines;
import org.llminspector.corpus.Document;
import org.llminspector.engine.EngineInfo;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.evaluate.TaskTokens;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.request.SweepRequest;

/** A sweep whose request was checked, and whose corpus is cut into windows. No engine is open yet. */
final class PreparedSweep {

    static final String DIVERGENCE = "divergence";

    private static final int WINDOW = 128;
    private static final int SHARD = 64;

    /** Most windows that run together. */
    private static final int MOST_ROWS = 16;

    /** Most bytes of hooked values of one batch. */
    private static final long BATCH_BYTES = 128L << 20;

    private final SweepRequest request;
    private final SweepSide a;
    private final SweepSide b; // null for one side
    private final TaskWindows tasks; // null for a corpus of texts
    private final BadLines bad; // null for a corpus by name
    private final int[] prefix;
    private final int window; // most tokens that are read together
    private final Windows windows;
    private final Shards shards;
    private final SortedSet<HookId> hooks;

    /**
     * @param b null for one side
     * @param cancelled asked between documents
     */
    PreparedSweep(SweepRequest request, SweepSide a, SweepSide b, BooleanSupplier cancelled) {
        this.request = request;
        this.a = a;
        this.b = b;
        List<Reducer> reducers = reducers(x -> x);
        this.hooks = Reducers.hooks(reducers);
        if (b != null) hooks.add(HookId.of(HookPoint.LOGITS));
        this.window = window(request, a, b);
        int each = request.shardWindows() == null ? SHARD : request.shardWindows();
        if (each < 1) {
            throw Problem.invalid("a shard has no windows")
                    .where("shard_windows")
                    .expected("1 or more")
                    .found(each);
        }
        a.check(window, "a");
        if (b != null) b.check(window, "b");
        this.prefix = a.prefix();
        if (request.evaluates()) {
            // Of a row the last token is predicted, not read.
            this.windows = new Windows(prefix, window + 1);
            TaskTokens tokens = new TaskTokens(a.folder().requireTokenizer(), window);
            this.tasks = TaskWindows.read(request.corpus(), tokens, windows, () -> {
                if (cancelled.getAsBoolean()) throw cancelled();
            });
            this.bad = tasks.file().bad();
        } else {
            this.windows = new Windows(prefix, window);
            this.tasks = null;
            this.bad = texts(cancelled);
        }
        if (windows.size() == 0) {
            throw Problem.invalid("the corpus has no tokens")
                    .where(request.corpus().path())
                    .expected(tasks == null ? "a document with text" : "a line with a task")
                    .found(badLines() == 0 ? "none" : badLines() + " bad lines");
        }
        int longest = tasks == null ? window : windows.longest() - 1;
        long row = Math.max(1, CaptureBudget.bytes(a.folder().spec(), hooks, longest));
        this.shards = new Shards(windows, each, (int) Math.max(1, Math.min(MOST_ROWS, BATCH_BYTES / row)));
        fits();
    }

    /** Cuts the corpus's documents into windows. */
    private BadLines texts(BooleanSupplier cancelled) {
        Corpora.Opened corpus = Corpora.open(request.corpus());
        corpus.documents().read(d -> {
            if (cancelled.getAsBoolean()) throw cancelled();
            int[] ids = a.ids(d.text());
            sameTokens(d, ids);
            windows.add(d.id(), ids);
            return true;
        });
        return corpus.files() == null ? null : corpus.files().bad();
    }

    private long badLines() {
        return bad == null ? 0 : bad.count();
    }

    /** Most tokens of a window: as asked, within both models' contexts. Of an evaluation the model's context. */
    static int window(SweepRequest request, SweepSide a, SweepSide b) {
        int context = a.folder().spec().maxContext();
        if (b != null) context = Math.min(context, b.folder().spec().maxContext());
        int standard = request.evaluates() ? context : Math.min(WINDOW, context);
        int window = request.window() == null ? standard : request.window();
        if (window <= context) return window;
        throw Problem.invalid("the window is longer than the model's context")
                .where("window")
                .expected("at most " + context)
                .found(window);
    }

    /** Refuses a document that b's tokenizer splits in another way. */
    private void sameTokens(Document d, int[] ids) {
        if (b == null || b.folder() == a.folder()) return;
        int[] there = b.ids(d.text());
        if (Arrays.equals(ids, there)) return;
        throw Problem.unsupported("the two tokenizers split a document differently: its tokens cannot be compared")
                .where(d.id())
                .expected("the same tokens on both sides")
                .found(ids.length + " and " + there.length + " tokens, not all the same");
    }

    static Problem cancelled() {
        return Problem.of(Problem.Kind.CONFLICT, "the sweep was cancelled")
                .found("finished parts are kept")
                .instead("run it again into the same folder: it goes on");
    }

    /** Refuses states that would not fit into memory, before anything runs. */
    private void fits() {
        long merged = bytes(windows.size());
        long most = Runtime.getRuntime().maxMemory() / 2;
        if (merged <= most) return;
        throw Problem.tooLarge("what the sweep keeps would not fit into memory")
                .where("reduce: " + String.join(", ", request.reduce()))
                .expected("at most " + ByteCount.of(most))
                .found(ByteCount.of(merged))
                .instead("take fewer reducers, or fewer hooks for them (--hooks)");
    }

    /** Refuses a request whose reducers there are not, or whose two models cannot be compared, before its corpus is read. */
    static void check(SweepRequest request, SweepSide a, SweepSide b) {
        if (b == null && request.reduce().contains(DIVERGENCE)) {
            throw Problem.invalid("divergence is of two sides")
                    .where("reduce")
                    .expected("a side b")
                    .instead("name it: b, or on the command line --b precision=int8");
        }
        if (b == null && request.reduce().isEmpty()) {
            throw Problem.invalid("the sweep would keep nothing")
                    .where("reduce")
                    .expected("a reducer, such as loss")
                    .found("none");
        }
        if (request.evaluates()) {
            if (b != null || request.reduce().size() > 1) {
                throw Problem.invalid("an evaluation is of one model, and keeps nothing else")
                        .where(b != null ? "b" : "reduce")
                        .expected(SweepRequest.LOGLIKELIHOOD + " alone")
                        .found(b != null ? "a side b" : String.join(", ", request.reduce()))
                        .instead("ask for the other in a sweep of its own");
            }
            TaskWindows.check(request.corpus());
        }
        a.checkCache("a");
        if (b != null) b.checkCache("b");
        if (!a.folder().hasTokenizer()) {
            throw Problem.unsupported("a sweep reads texts, and the model has no tokenizer")
                    .where("model " + a.folder().slug())
                    .expected("a tokenizer.json")
                    .found("none")
                    .instead("put the model's tokenizer.json into its folder, or name another model");
        }
        reducers(request, a.folder(), x -> x);
        if (b == null || b.folder().spec().vocab() == a.folder().spec().vocab()) return;
        throw Problem.unsupported("the two models have vocabularies of different sizes")
                .where("b.model")
                .expected(a.folder().spec().vocab() + " entries, as a has")
                .found(b.folder().spec().vocab());
    }

    /** New reducers of one side; divergence, of two, is kept whenever there is a side b. */
    static List<Reducer> reducers(SweepRequest request, ModelFolder folder, UnaryOperator<Tensor> unembed) {
        List<String> kinds =
                request.reduce().stream().filter(k -> !k.equals(DIVERGENCE)).toList();
        return Reducers.of(kinds, new SweptModel(folder.spec(), folder.weights(), unembed), request.hooks());
    }

    List<Reducer> reducers(UnaryOperator<Tensor> unembed) {
        return reducers(request, a.folder(), unembed);
    }

    /** All states to merge, new ones. */
    static List<Mergeable> states(SweepRequest request, ModelFolder folder) {
        List<Mergeable> states = new ArrayList<>(reducers(request, folder, x -> x));
        if (request.b() != null) states.add(new OutputPairs());
        return states;
    }

    SweepSide a() {
        return a;
    }

    /** The other side; null without one. */
    SweepSide b() {
        return b;
    }

    Windows windows() {
        return windows;
    }

    /** Of an evaluation; null for a corpus of texts. */
    TaskWindows tasks() {
        return tasks;
    }

    /** Tokens of a batch that the model reads: of an evaluation's rows all but the last. */
    int[][] read(WindowBatch batch) {
        if (tasks == null) return batch.tokens();
        int[][] rows = batch.tokens().clone();
        for (int r = 0; r < rows.length; r++) rows[r] = Arrays.copyOf(rows[r], rows[r].length - 1);
        return rows;
    }

    Shards shards() {
        return shards;
    }

    SortedSet<HookId> hooks() {
        return hooks;
    }

    /** Most bytes of a state of this many windows. */
    private long bytes(int count) {
        long bytes = b == null ? 0 : new OutputPairs().bytes(count);
        for (Reducer r : reducers(x -> x)) bytes += r.bytes(count, windows.length());
        return bytes;
    }

    /**
     * The manifest.
     *
     * @param engineB null without a side b
     * @param created when
     */
    SweepManifest manifest(EngineInfo engine, EngineInfo engineB, String created) {
        List<String> names = hooks.stream().map(HookId::name).toList();
        String key = String.join(
                "\n",
                SweepManifest.FORMAT,
                a.key(engine),
                b == null ? "" : b.key(engineB),
                Json.write(request.reduce()),
                Json.write(names),
                shards.each() + " " + shards.batch());
        List<String> parts = new ArrayList<>();
        for (int s = 0; s < shards.count(); s++) parts.add(shards.name(key, s));
        int last = shards.count() - 1; // the only one that may be smaller
        return new SweepManifest(
                SweepManifest.FORMAT,
                created,
                request,
                a.folder().identity(() -> false),
                engine,
                engineB,
                Arrays.stream(prefix).boxed().toList(),
                window,
                windows.size(),
                windows.documents().size(),
                windows.counted(),
                windows.tokens(),
                badLines(),
                bad == null ? List.of() : bad.first(),
                shards.batch(),
                names,
                parts,
                last * bytes(shards.each()) + bytes(shards.size(last)),
                memory(engine, engineB));
    }

    private SweepMemory memory(EngineInfo engine, EngineInfo engineB) {
        int rows = Math.min(shards.batch(), Math.min(shards.each(), windows.size()));
        int longest = windows.longest();
        long logits = (long) rows * longest * a.folder().spec().vocab() * Float.BYTES;
        boolean one = b == null || (engineB.equals(engine) && b.folder() == a.folder()); // open once
        return new SweepMemory(
                engine.weightBytes() + (one ? 0 : engineB.weightBytes()),
                rows * CaptureBudget.bytes(a.folder().spec(), hooks, longest),
                b == null ? 0 : logits,
                bytes(windows.size()) + windows.tokens() * Integer.BYTES);
    }
}
