package org.llminspector.run.sweep;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.reduce.Mergeable;
import org.llminspector.analysis.reduce.OutputPairs;
import org.llminspector.analysis.reduce.PairReducer;
import org.llminspector.analysis.reduce.Reducer;
import org.llminspector.analysis.reduce.Reducers;
import org.llminspector.analysis.reduce.SweptModel;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionCheck;
import org.llminspector.corpus.Document;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.tokenize.Tokenizer;

/** A sweep whose request was checked, and whose corpus is cut into windows. No engine is open yet. */
final class PreparedSweep {

    private static final int WINDOW = 128;
    private static final int SHARD = 64;

    /** Most windows that run together: more make a pass no faster on a CPU. */
    private static final int MOST_ROWS = 16;

    /** Most bytes of hooked values of one batch. */
    private static final long BATCH_BYTES = 128L << 20;

    private final SweepRequest request;
    private final ModelFolder folder;
    private final RunRequest side;
    private final ModelFolder otherFolder; // of b; null without it
    private final RunRequest other;
    private final Corpora.Opened corpus;
    private final int[] prefix;
    private final Windows windows;
    private final Shards shards;
    private final SortedSet<HookId> hooks;

    /**
     * @param otherFolder of b's model; null without a side b
     * @param cancelled asked between documents
     */
    PreparedSweep(SweepRequest request, ModelFolder folder, ModelFolder otherFolder, BooleanSupplier cancelled) {
        this.request = request;
        this.folder = folder;
        RunRequest a = request.a() == null ? RunRequest.builder().build() : request.a();
        this.side = PreparedRun.withDefaults(a, folder);
        this.otherFolder = otherFolder;
        this.other = request.b() == null ? null : PreparedRun.withDefaults(request.b(), otherFolder);
        List<Reducer> reducers = reducers(x -> x);
        this.hooks = Reducers.hooks(reducers);
        if (other != null) hooks.add(HookId.of(HookPoint.LOGITS));
        Tokenizer tokenizer = folder.requireTokenizer();
        this.prefix = tokenizer.encode("a", true).stream()
                .takeWhile(PreparedSweep::added)
                .mapToInt(Token::id)
                .toArray();
        int context = folder.spec().maxContext();
        int window = request.window() == null ? Math.min(WINDOW, context) : request.window();
        if (window > context) {
            throw Problem.invalid("the window is longer than the model's context")
                    .where("window")
                    .expected("at most " + context)
                    .found(window);
        }
        int each = request.shardWindows() == null ? SHARD : request.shardWindows();
        if (each < 1) {
            throw Problem.invalid("a shard has no windows")
                    .where("shard_windows")
                    .expected("1 or more")
                    .found(each);
        }
        check(side, folder, window, "a");
        if (other != null) check(other, otherFolder, window, "b");
        this.windows = new Windows(prefix, window);
        this.corpus = Corpora.open(request.corpus());
        corpus.documents().read(d -> {
            if (cancelled.getAsBoolean()) throw cancelled();
            int[] ids = ids(tokenizer, d.text());
            sameTokens(d, ids);
            windows.add(d.id(), ids);
            return true;
        });
        if (windows.size() == 0) {
            throw Problem.invalid("the corpus has no tokens")
                    .where(request.corpus().path())
                    .expected("a document with text")
                    .found(corpus.badLines() == 0 ? "none" : corpus.badLines() + " lines that are no documents");
        }
        long row = Math.max(1, CaptureBudget.bytes(folder.spec(), hooks, window));
        this.shards = new Shards(windows, each, (int) Math.max(1, Math.min(MOST_ROWS, BATCH_BYTES / row)));
        fits(reducers);
    }

    private static void check(RunRequest side, ModelFolder folder, int window, String name) {
        InterventionCheck.check(folder.spec(), side.interventions(), window);
        for (Intervention v : side.interventions()) {
            if (v.from() == null && v.op() != Intervention.Op.FREEZE) continue;
            throw Problem.unsupported("a sweep changes values by numbers alone: other runs have other tokens")
                    .where(name + ".interventions")
                    .expected("no `from` and no freeze")
                    .found(v.from() == null ? v.op() : v.from())
                    .instead("zero, mean, scale, add or replace with numbers");
        }
    }

    /** Refuses a document that b's tokenizer splits in another way. */
    private void sameTokens(Document d, int[] ids) {
        if (otherFolder == null || otherFolder == folder) return;
        int[] there = ids(otherFolder.requireTokenizer(), d.text());
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

    /** Ids of a text without what the tokenizer adds around it. */
    private static int[] ids(Tokenizer tokenizer, String text) {
        return tokenizer.encode(text, true).stream()
                .filter(t -> !added(t))
                .mapToInt(Token::id)
                .toArray();
    }

    private static boolean added(Token t) {
        return t.special() && t.start() == null;
    }

    /** Refuses states that would not fit into memory, before anything runs. */
    private void fits(List<Reducer> reducers) {
        long merged = 0;
        for (Reducer r : reducers) merged += r.bytes(windows.size(), windows.length());
        long most = Runtime.getRuntime().maxMemory() / 2;
        if (merged <= most) return;
        throw Problem.tooLarge("what the sweep keeps would not fit into memory")
                .where("reduce: " + String.join(", ", request.reduce()))
                .expected("at most " + ByteCount.of(most))
                .found(ByteCount.of(merged))
                .instead("take fewer reducers, or fewer hooks for them (--hooks)");
    }

    /** Names of the reducers of one side; divergence, of two, is kept whenever there is a side b. */
    static List<String> kinds(SweepRequest request) {
        if (request.b() == null && request.reduce().contains(DIVERGENCE)) {
            throw Problem.invalid("divergence is of two sides")
                    .where("reduce")
                    .expected("a side b")
                    .instead("name it: b, or on the command line --b precision=int8");
        }
        return request.reduce().stream().filter(k -> !k.equals(DIVERGENCE)).toList();
    }

    static final String DIVERGENCE = "divergence";

    /** New reducers. */
    List<Reducer> reducers(UnaryOperator<Tensor> unembed) {
        SweptModel model = new SweptModel(folder.spec(), folder.weights(), unembed);
        return Reducers.of(kinds(request), model, request.hooks());
    }

    /** What is kept of both outputs; null without a side b. */
    PairReducer pairs() {
        return other == null ? null : new OutputPairs();
    }

    /** All states to merge, new ones. */
    List<Mergeable> states() {
        List<Mergeable> states = new ArrayList<>(reducers(x -> x));
        if (other != null) states.add(pairs());
        return states;
    }

    /** What a batch of b runs with. */
    SessionRequest otherPass(int length) {
        SortedSet<HookId> logits = new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
        return new SessionRequest(length, logits, other.interventions(), List.of());
    }

    /** The other side; null without one. */
    RunRequest other() {
        return other;
    }

    ModelFolder otherFolder() {
        return otherFolder;
    }

    /** What a batch runs with: hooks and interventions. */
    SessionRequest pass(int length) {
        return new SessionRequest(length, hooks, side.interventions(), List.of());
    }

    /** The model's side, with its slug. */
    RunRequest side() {
        return side;
    }

    ModelFolder folder() {
        return folder;
    }

    Windows windows() {
        return windows;
    }

    Shards shards() {
        return shards;
    }

    SortedSet<HookId> hooks() {
        return hooks;
    }

    /** Most bytes of all parts. */
    private long bytes() {
        long bytes = 0;
        List<Reducer> reducers = reducers(x -> x);
        for (int s = 0; s < shards.count(); s++) {
            for (Reducer r : reducers) bytes += r.bytes(shards.size(s), windows.length());
            if (other != null) bytes += pairs().bytes(shards.size(s));
        }
        return bytes;
    }

    /** All that decides a side's values: weights, engine, plan and interventions. */
    private static String key(RunRequest side, ModelFolder folder, EngineInfo engine) {
        return String.join(
                "\n",
                folder.identity(() -> false).weightsSha256(),
                engine.name() + " " + engine.version() + " " + engine.device() + ", " + engine.arithmetic(),
                Json.write(side.plan()),
                Json.write(side.interventions()));
    }

    /**
     * The manifest.
     *
     * @param otherEngine of b; null without it
     * @param created when
     */
    SweepManifest manifest(EngineInfo engine, EngineInfo otherEngine, String created) {
        String key = String.join(
                "\n",
                SweepManifest.FORMAT,
                key(side, folder, engine),
                other == null ? "" : key(other, otherFolder, otherEngine),
                Json.write(request.reduce()),
                Json.write(hooks.stream().map(HookId::name).toList()),
                shards.each() + " " + shards.batch());
        List<String> parts = new ArrayList<>();
        for (int s = 0; s < shards.count(); s++) parts.add(shards.name(key, s));
        return new SweepManifest(
                SweepManifest.FORMAT,
                created,
                request,
                folder.identity(() -> false),
                engine,
                otherEngine,
                Arrays.stream(prefix).boxed().toList(),
                windows.length(),
                windows.size(),
                windows.documents().size(),
                windows.counted(),
                windows.tokens(),
                corpus.badLines(),
                corpus.firstBadLines(),
                shards.batch(),
                hooks.stream().map(HookId::name).toList(),
                parts,
                bytes());
    }
}
