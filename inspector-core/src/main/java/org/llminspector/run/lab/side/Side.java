package org.llminspector.run.lab.side;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.RunRequest;
import org.llminspector.spec.DecoderSpec;

/**
 * One of the two runs of an analysis: a model and its prompt, which runs as rows of a batch, each row with values of its own
 * at some hooks. What lies before the first layer that a batch changes is not computed again. On the queue's worker, but for opening.
 */
public final class Side {

    /** Tokens of a batch: enough for a core's matrix products, few enough for one batch's values. */
    private static final int BATCH_TOKENS = 1_024;

    private final OpenModels models;
    private final ModelFolder folder;
    private final RunRequest request;
    private final Prompt prompt;
    private final SortedMap<HookId, Tensor> values = new TreeMap<>();
    private BooleanSupplier cancelled = () -> false;

    /** Gets what a batch captured, row by row. */
    public interface Reader {
        /** @param value [1, pos, ...] */
        void row(int row, HookId hook, Tensor value);
    }

    public Side(OpenModels models, ModelFolder folder, RunRequest asked) {
        this.models = models;
        this.folder = folder;
        this.request = PreparedRun.withDefaults(asked, folder);
        this.prompt = Prompt.of(request, folder);
    }

    public ModelFolder folder() {
        return folder;
    }

    public DecoderSpec spec() {
        return folder.spec();
    }

    public RunRequest request() {
        return request;
    }

    public Prompt prompt() {
        return prompt;
    }

    public int[] ids() {
        return prompt.tokens().stream().mapToInt(t -> t.id()).toArray();
    }

    public int length() {
        return prompt.tokens().size();
    }

    public InspectorEngine engine() {
        return models.engine(folder, request);
    }

    public OpenModels.Lease lease(Steps steps, BooleanSupplier stop) {
        cancelled = stop;
        return models.lease(folder, request.engine(), request.device(), request.plan(), p -> opening(steps, p), stop);
    }

    private static void opening(Steps steps, Opening.Progress p) {
        steps.at("opening", p.of() == 0 ? 0 : (int) (100 * p.done() / p.of()), 100);
    }

    /** The same model, engine and precision with another prompt: a text, or ids. */
    public Side reading(String text, List<Integer> ids) {
        Side other = new Side(
                models,
                folder,
                request.toBuilder().prompt(text).tokens(ids).messages(null).build());
        other.cancelled = cancelled;
        return other;
    }

    /** The prompt's first tokens alone. */
    public Side cut(int most) {
        return length() <= most
                ? this
                : reading(null, IntStream.of(ids()).limit(most).boxed().toList());
    }

    /** Whether both compute the same function: the same weights on the same engine in the same precision. */
    public boolean same(Side other) {
        return folder.sha256().equals(other.folder.sha256())
                && request.engine().equals(other.request.engine())
                && request.device().equals(other.request.device())
                && request.plan().equals(other.request.plan());
    }

    public boolean has(HookId hook) {
        return HookPresence.of(hook.point(), spec(), hook.layer());
    }

    /** The unchanged run's values, [1, pos, ...]; kept. */
    public SortedMap<HookId, Tensor> values(Collection<HookId> hooks) {
        TreeSet<HookId> missing = new TreeSet<>(hooks);
        missing.removeAll(values.keySet());
        if (!missing.isEmpty()) run(List.of(List.of()), missing, (row, hook, value) -> values.put(hook, value));
        return values;
    }

    public Tensor value(HookId hook) {
        return values(List.of(hook)).get(hook);
    }

    /** Gets a row's logits, [vocab]. */
    public interface LogitsReader {
        void row(int row, float[] logits);
    }

    /** Each row's next-token logits at a position: the last residual stream there, unembedded. */
    public void logits(List<List<Patch>> rows, int pos, LogitsReader reader) {
        HookId end = StreamHooks.end(spec());
        batches(rows, new TreeSet<>(List.of(end)), (engine, of, hook, value) -> {
            float[] logits = engine.unembed(at(value, pos)).toFloats(); // [1, batch, vocab]
            int vocab = logits.length / of.size();
            for (int r = 0; r < of.size(); r++)
                reader.row(of.get(r), Arrays.copyOfRange(logits, r * vocab, (r + 1) * vocab));
        });
    }

    /** [batch, pos, ...] at one position, as positions of one row: [1, batch, ...]. */
    private static Tensor at(Tensor value, int pos) {
        long[] shape = value.shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) ranges[a] = new int[] {0, (int) shape[a]};
        ranges[1] = new int[] {pos, pos + 1};
        shape[1] = shape[0];
        shape[0] = 1;
        return value.slice(ranges).reshaped(shape);
    }

    /** Runs the prompt once for each row, with that row's patches in the order in which data flows. */
    public void run(List<List<Patch>> rows, SortedSet<HookId> hooks, Reader reader) {
        batches(rows, hooks, (engine, of, hook, value) -> {
            for (int r = 0; r < of.size(); r++) reader.row(of.get(r), hook, row(value, r));
        });
    }

    /** Gets what a batch captured. */
    private interface BatchReader {
        /**
         * @param of the rows that are in the batch
         * @param value [batch, pos, ...]
         */
        void batch(InspectorEngine engine, List<Integer> of, HookId hook, Tensor value);
    }

    private void batches(List<List<Patch>> rows, SortedSet<HookId> hooks, BatchReader reader) {
        Map<Object, List<Integer>> groups = new LinkedHashMap<>(); // rows that change the same hooks share batches
        for (int r = 0; r < rows.size(); r++) {
            Object key = rows.get(r).stream().map(Patch::hook).distinct().toList();
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(r);
        }
        int most = Math.max(1, BATCH_TOKENS / length());
        for (List<Integer> group : groups.values()) {
            for (int from = 0; from < group.size(); from += most) {
                if (cancelled.getAsBoolean()) throw cancelled();
                batch(rows, group.subList(from, Math.min(group.size(), from + most)), hooks, reader);
            }
        }
    }

    private void batch(List<List<Patch>> all, List<Integer> rows, SortedSet<HookId> hooks, BatchReader reader) {
        InspectorEngine engine = engine();
        Map<Patch, BitSet> patches = new LinkedHashMap<>();
        for (int r = 0; r < rows.size(); r++) {
            for (Patch p : all.get(rows.get(r)))
                patches.computeIfAbsent(p, k -> new BitSet()).set(r);
        }
        List<Intervention> interventions = new ArrayList<>();
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        List<BitSet> changed = new ArrayList<>();
        int first =
                patches.keySet().stream().mapToInt(p -> p.hook().layer()).min().orElse(-1);
        int read = hooks.first().layer();
        if (first > 0 && read >= first) begin(engine, first, interventions, sources, changed);
        patches.forEach((patch, on) -> {
            interventions.add(patch.intervention());
            sources.add(Map.of(patch.hook(), patch.source()));
            changed.add(on.cardinality() == rows.size() ? null : on);
        });
        int[][] ids = new int[rows.size()][];
        for (int r = 0; r < ids.length; r++) ids[r] = ids();
        SessionRequest pass = new SessionRequest(length(), hooks, interventions, sources, true);
        engine.run(new Batch(ids, pass, changed), (hook, value) -> reader.batch(engine, rows, hook, value));
    }

    /** Gives the batch the unchanged run's stream before its first changed layer, so that it begins there. */
    private void begin(
            InspectorEngine engine,
            int layer,
            List<Intervention> interventions,
            List<Map<HookId, Tensor>> sources,
            List<BitSet> changed) {
        HookId stream = HookId.of(HookPoint.RESID_PRE, layer);
        Tensor known = values.get(stream);
        if (known == null || !engine.startsAtLayers()) return;
        interventions.add(Patch.whole(stream, known).intervention());
        sources.add(Map.of(stream, known));
        changed.add(null);
    }

    private static Tensor row(Tensor batch, int row) {
        long[] shape = batch.shape();
        int n = Math.toIntExact(batch.size() / shape[0]);
        float[] values = new float[n];
        batch.toFloats((long) row * n, values, n);
        shape[0] = 1;
        return Tensor.of(values, shape);
    }

    /** The streams before each layer, which later batches begin at. */
    public void readStreams() {
        if (!engine().startsAtLayers()) return;
        TreeSet<HookId> streams = new TreeSet<>();
        for (int i = 1; i < spec().nLayers(); i++) {
            HookId hook = HookId.of(HookPoint.RESID_PRE, i);
            if (has(hook)) streams.add(hook);
        }
        if (!streams.isEmpty()) values(streams);
    }

    /** @throws Problem where the hook's values have another shape than the other run's */
    public static void sameShape(HookId hook, Tensor a, Tensor b) {
        if (Arrays.equals(a.shape(), b.shape())) return;
        throw Problem.invalid("the two models' values have different shapes")
                .where(hook.name())
                .expected(Arrays.toString(a.shape()))
                .found(Arrays.toString(b.shape()))
                .instead("take two runs of one model, or of a model and the same model quantized");
    }

    /** The Problem of an analysis that was cancelled. */
    public static Problem cancelled() {
        return Problem.of(Problem.Kind.CANCELLED, "the analysis was cancelled");
    }
}
