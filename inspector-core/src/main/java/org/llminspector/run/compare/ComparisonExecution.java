package org.llminspector.run.compare;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.base.Version;
import org.llminspector.base.Writes;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.hook.HookId;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonFolder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.ComparisonStore;

/** Execution of one prepared comparison on the queue's worker: both engines, measurements, store. */
final class ComparisonExecution {

    /** Candidates per side stored for each position of the text; for the prompt all counted ones are stored. */
    private static final int KEPT_OF_TEXT = 3;
    /** Most prompt tokens of the speed measurement. */
    private static final int COST_TOKENS = 512;

    /** Windows of a text over which A's noise floor is measured. */
    private static final int FLOOR_WINDOWS = 4;

    private static final int BEGINNING = 400;

    private final String id;
    private final PreparedComparison prepared;
    private final ComparisonRequest.Options options;
    private final ComparisonSide a;
    private final ComparisonSide b;
    private final CaptureBudget budget;
    private final ComparisonStore store;
    private final ComparisonListener listener;
    private final BooleanSupplier cancelled;
    private final Path kld;
    private final ComparisonFolder folder;
    private final ComparisonManifest.CorpusPart corpus;
    private List<ComparisonManifest.ModuleError> modules;
    private String modulesWhy;
    private List<ComparisonManifest.Activation> activations;
    private String activationsWhy;

    /**
     * @param folder to write into
     * @param corpus divergence over the corpus; null without one
     * @param kld file for A's log-probabilities in llama.cpp's format, or null
     */
    ComparisonExecution(
            String id,
            PreparedComparison prepared,
            ComparisonFolder folder,
            ComparisonManifest.CorpusPart corpus,
            CaptureBudget budget,
            ComparisonStore store,
            ComparisonListener listener,
            BooleanSupplier cancelled,
            Path kld) {
        this.folder = folder;
        this.corpus = corpus;
        this.kld = kld;
        this.id = id;
        this.prepared = prepared;
        this.options = prepared.options();
        this.a = prepared.a();
        this.b = prepared.b();
        this.budget = budget;
        this.store = store;
        this.listener = listener;
        this.cancelled = cancelled;
    }

    ComparisonManifest run() {
        long started = System.nanoTime();
        checkCancelled();
        listener.started(id);
        try {
            open();
            ModuleSensitivity sensitivity = prepared.sensitivity() == null
                    ? null
                    : new ModuleSensitivity(prepared, budget, (at, of, what) -> progress("sensitivity", at, of, what));
            int[] idsA = a.run().ids();
            int[] idsB = b.run().ids();
            FloorComparison floor = new FloorComparison(options.floor(), a, prepared.floor());
            boolean comparable =
                    options.split() && ModuleErrors.whyNotComparable(a, b).isEmpty();
            HookComparison hooks = new HookComparison(a, b, budget, options.hooks(), floor, comparable);
            OutputComparison.Measured prompt = null;
            Map<String, Tensor> tensors = Map.of();
            if (prepared.hasPrompt()) {
                compareHooks(hooks, idsA, idsB);
                tensors = hooks.tensors();
                if (options.split()) splitModules(idsA, idsB);
                prompt = prompt(folder, floor, idsA, idsB);
            }
            measureActivations(idsA);
            OutputComparison.Measured text = prepared.text() == null ? null : text(folder, floor);
            ComparisonManifest.Cost[] costs = options.cost() ? costs(idsA) : new ComparisonManifest.Cost[2];
            ComparisonManifest.Continuations continuations = continuations(idsA, idsB, prompt);
            ComparisonManifest manifest = new ComparisonManifest(
                    id,
                    Instant.now().truncatedTo(ChronoUnit.MILLIS).toString(),
                    Version.STRING,
                    prepared.request().name(),
                    side(a, costs[0]),
                    side(b, costs[1]),
                    options,
                    hooks.rows(),
                    prepared.hasPrompt() ? hooks.skipped() : List.of(),
                    prepared.hasPrompt() ? hooks.firsts() : List.of(),
                    prepared.hasPrompt() ? hooks.firstBad(options.factor()) : null,
                    floor.noiseFloor(prompt == null ? null : prompt.floor(), text == null ? null : text.floor()),
                    modules,
                    modulesWhy,
                    activations,
                    activationsWhy,
                    prompt == null ? null : prompt.measures(),
                    text == null ? null : textPart(text.measures()),
                    corpus,
                    sensitivity == null ? null : sensitivity.measure(),
                    continuations,
                    (System.nanoTime() - started) / 1e6);
            folder.finish(manifest, tensors);
            store.publish(folder, id);
            return manifest;
        } catch (IOException e) {
            throw Writes.failed("the comparison cannot be kept", folder.path(), e);
        }
    }

    private void open() {
        progress("opening", 0, 2, "opening A, " + name(a));
        a.engine();
        progress("opening", 1, 2, "opening B, " + name(b));
        b.engine();
        if (prepared.floor() != null) prepared.floor().engine();
        progress("opening", 2, 2, "both are open");
    }

    private static String name(ComparisonSide side) {
        if (side.folder().capabilities().onePrecision()) return side.folder().slug();
        return side.folder().slug() + " in "
                + side.run().request().precision().name().toLowerCase(Locale.ROOT);
    }

    private void compareHooks(HookComparison hooks, int[] idsA, int[] idsB) {
        List<List<HookId>> chunks = hooks.chunks(idsA.length);
        for (int i = 0; i < chunks.size(); i++) {
            List<HookId> chunk = chunks.get(i);
            progress("hooks", i, chunks.size(), "from " + chunk.get(0));
            hooks.compare(idsA, idsB, chunk);
        }
        progress("hooks", chunks.size(), chunks.size(), Plural.of(hooks.rows().size(), "hook") + " compared");
    }

    /** Splits module errors; where that is not possible, the comparison continues and stores the reason. */
    private void splitModules(int[] idsA, int[] idsB) {
        ModuleErrors split = new ModuleErrors(a, b, budget);
        try {
            List<List<Integer>> chunks = split.chunks(idsA.length);
            for (int i = 0; i < chunks.size(); i++) {
                progress(
                        "modules",
                        i,
                        chunks.size(),
                        "B's modules on A's inputs, from layer " + chunks.get(i).get(0));
                split.split(idsA, idsB, chunks.get(i));
            }
            progress("modules", chunks.size(), chunks.size(), "errors split");
            modules = split.errors();
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.UNSUPPORTED && p.kind() != Problem.Kind.TOO_LARGE) throw p;
            modulesWhy = p.getMessage();
        }
    }

    /** Measures activations; where that is not possible, the comparison continues and stores the reason. */
    private void measureActivations(int[] ids) {
        progress("activations", 0, 1, "what A's matrices read");
        try {
            activations = new ActivationComparison(a, budget).measure(ids);
        } catch (Problem p) {
            if (p.kind() != Problem.Kind.UNSUPPORTED && p.kind() != Problem.Kind.TOO_LARGE) throw p;
            activationsWhy = p.getMessage();
        }
        progress("activations", 1, 1, "measured");
    }

    private OutputComparison.Measured prompt(ComparisonFolder folder, FloorComparison floor, int[] idsA, int[] idsB)
            throws IOException {
        progress("prompt", 0, 1, "what both say next");
        try (OutputComparison output =
                new OutputComparison(a, b, floor, options.top(), options.top(), folder.promptFile(), false, null)) {
            boolean same = Arrays.equals(idsA, idsB);
            output.window(idsA, idsB, 0, idsA.length, 0, same ? idsA : null, true);
            progress("prompt", 1, 1, Plural.of(idsA.length, "position") + " compared");
            return output.measured();
        }
    }

    private OutputComparison.Measured text(ComparisonFolder folder, FloorComparison floor) throws IOException {
        TextWindows text = prepared.text();
        List<TextWindows.Window> windows = text.windows();
        try (KldFile.Writer base = base(text);
                OutputComparison output = new OutputComparison(
                        a, b, floor, options.top(), KEPT_OF_TEXT, folder.textFile(), text.chunks(), base)) {
            int scored = 0;
            for (int i = 0; i < windows.size(); i++) {
                TextWindows.Window w = windows.get(i);
                String note = scored + " of " + Plural.of(text.ids().length, "token");
                progress("text", i, windows.size(), note, output.meanKld());
                output.window(w.ids(), w.ids(), w.from(), w.to(), w.offset(), w.ids(), i < FLOOR_WINDOWS);
                scored += w.to() - w.from();
            }
            progress("text", windows.size(), windows.size(), Plural.of(scored, "token") + " scored", output.meanKld());
            return output.measured();
        }
    }

    /** Writer of A's log-probabilities, or null. */
    private KldFile.Writer base(TextWindows text) {
        if (kld == null) return null;
        int[] all = text.chunked();
        return new KldFile.Writer(
                kld, new KldFile.Head(text.window(), a.spec().vocab(), all.length / text.window(), all));
    }

    private ComparisonManifest.TextPart textPart(OutputMeasures measures) {
        TextWindows text = prepared.text();
        String whole = prepared.request().text();
        return new ComparisonManifest.TextPart(
                whole == null ? null : whole.substring(0, whole.offsetByCodePoints(0, beginning(whole))),
                whole == null ? 0 : whole.length(),
                text.ids().length,
                text.window(),
                text.stride(),
                text.windows().size(),
                measures);
    }

    private static int beginning(String text) {
        return Math.min(BEGINNING, text.codePointCount(0, text.length()));
    }

    /** What both sides write after the prompt; null where there is no prompt or no room after it. */
    private ComparisonManifest.Continuations continuations(int[] idsA, int[] idsB, OutputComparison.Measured prompt) {
        int context = Math.min(a.spec().maxContext(), b.spec().maxContext());
        int tokens = Math.min(options.continueTokens(), context - idsA.length);
        if (prompt == null || tokens < 1) return null;
        progress("continuations", 0, 2, "what A writes");
        GreedyContinuation left = GreedyContinuation.of(a, idsA, tokens, cancelled);
        progress("continuations", 1, 2, "what B writes");
        GreedyContinuation right = GreedyContinuation.of(b, idsB, tokens, cancelled);
        progress("continuations", 2, 2, "written");
        return GreedyContinuation.compared(left, right, a.folder(), b.folder(), prompt.noise(), options.factor());
    }

    /** Costs of both sides, measured alternately after one warm-up round. */
    private ComparisonManifest.Cost[] costs(int[] ids) {
        int context = Math.min(a.spec().maxContext(), b.spec().maxContext());
        int read = Math.min(Math.min(ids.length, COST_TOKENS), Math.max(1, context - options.decodeTokens()));
        int[] prompt = Arrays.copyOf(ids, read);
        int made = Math.min(options.decodeTokens(), context - read);
        int turns = (options.repeats() + 1) * (1 + options.costLengths().size());
        CostComparison costA = new CostComparison(a, prompt, made);
        CostComparison costB = new CostComparison(b, prompt, made);
        inTurns(costA, costB, 0, turns);
        List<ComparisonManifest.AtLength> lengthsA = new ArrayList<>();
        List<ComparisonManifest.AtLength> lengthsB = new ArrayList<>();
        for (int length : options.costLengths()) {
            int[] again = new int[length];
            for (int i = 0; i < length; i++) again[i] = ids[i % ids.length];
            CostComparison atA = new CostComparison(a, again, options.decodeTokens());
            CostComparison atB = new CostComparison(b, again, options.decodeTokens());
            inTurns(atA, atB, (options.repeats() + 1) * (1 + lengthsA.size()), turns);
            lengthsA.add(atA.atLength());
            lengthsB.add(atB.atLength());
        }
        progress("cost", turns, turns, "measured");
        return new ComparisonManifest.Cost[] {costA.cost(lengthsA), costB.cost(lengthsB)};
    }

    private void inTurns(CostComparison costA, CostComparison costB, int done, int turns) {
        for (int i = 0; i <= options.repeats(); i++) {
            progress("cost", done + i, turns, i == 0 ? "warming up" : "measuring, turn " + i);
            costA.measure(i > 0);
            costB.measure(i > 0);
        }
    }

    private ComparisonManifest.Side side(ComparisonSide side, ComparisonManifest.Cost cost) {
        RunRequest request = side.run().request();
        return new ComparisonManifest.Side(
                prepared.hasPrompt() ? request : request.asPass(request.model(), request.device(), List.of()),
                side.folder().identity(cancelled),
                side.info(),
                prepared.hasPrompt() ? side.run().tokens() : List.of(),
                cost);
    }

    private void progress(String phase, int done, int total, String note) {
        progress(phase, done, total, note, null);
    }

    private void progress(String phase, int done, int total, String note, Double meanKld) {
        checkCancelled();
        listener.progress(new ComparisonListener.Progress(phase, done, total, note, meanKld));
    }

    private void checkCancelled() {
        if (cancelled.getAsBoolean()) throw cancelled();
    }

    static Problem cancelled() {
        return Problem.of(Problem.Kind.CANCELLED, "the comparison was cancelled")
                .found("nothing of it is kept");
    }
}
