package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.llminspector.analysis.output.Divergence;
import org.llminspector.analysis.output.Divergence.Metric;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.ModelCapabilities;
import org.llminspector.hook.HookAbsence;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.HookShape;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.store.ComparisonFolder;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.spec.DecoderSpec;

/**
 * Compares both sides' values at every shared hook on equally many tokens. Hooks are processed in chunks that fit the
 * budget for both sides: A's pass, B's, A's second pass for the noise floor, then B on A's inputs.
 *
 * <p>The last pass separates local from inherited error: A's residual stream is patched in before each module, so that
 * a difference at a hook inside the module comes from B's weights between the two.
 */
final class HookComparison {

    private static final double[] THRESHOLDS = {0, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
    /** Half a unit in the last place of a float32: the error of one rounding. */
    private static final double LEAST_FLOOR = 0x1p-24;

    private final ComparisonSide a;
    private final ComparisonSide b;
    private final CaptureBudget budget;
    private final TreeSet<HookId> shared = new TreeSet<>();
    private final List<ComparisonManifest.Skipped> skipped = new ArrayList<>();
    private final List<ComparisonManifest.HookRow> rows = new ArrayList<>();
    private final List<ComparisonManifest.First> firsts = new ArrayList<>();
    private final Map<HookPoint, Map<Integer, Divergence>> byPoint = new LinkedHashMap<>(); // layer -> divergence
    private final Map<HookId, Divergence> made = new HashMap<>();
    private final Map<HookId, Double> floors = new HashMap<>();
    private final FloorComparison floor;
    private final boolean split;

    /** Distances only. */
    HookComparison(ComparisonSide a, ComparisonSide b, CaptureBudget budget, List<String> patterns) {
        this(a, b, budget, patterns, null, false);
    }

    /**
     * @param floor null for none
     * @param split whether B is also run on A's inputs; both must have the same architecture
     */
    HookComparison(
            ComparisonSide a,
            ComparisonSide b,
            CaptureBudget budget,
            List<String> patterns,
            FloorComparison floor,
            boolean split) {
        this.a = a;
        this.b = b;
        this.budget = budget;
        this.floor = floor;
        this.split = split;
        list(patterns);
    }

    /** @param patterns names or globs, or null for every hook but hook_result */
    private void list(List<String> patterns) {
        SortedSet<HookId> wanted =
                patterns == null ? HookPatterns.all(a.spec()) : HookPatterns.match(a.spec(), patterns);
        if (patterns == null) wanted.removeIf(h -> h.point() == HookPoint.RESULT);
        for (HookId hook : wanted) {
            String why = difference(hook);
            if (why == null) shared.add(hook);
            else skipped.add(new ComparisonManifest.Skipped(hook, why));
        }
    }

    /** Reason why a hook of A cannot be compared with B's, or null. */
    private String difference(HookId hook) {
        DecoderSpec spec = b.spec();
        ModelCapabilities here = a.folder().capabilities();
        if (!here.has(hook)) return "not in A: " + here.absence(hook.point());
        if (hook.layer() >= spec.nLayers()) return "B has " + Plural.of(spec.nLayers(), "layer");
        if (!HookPresence.of(hook.point(), spec, hook.layer()))
            return "not in B: " + HookAbsence.of(hook.point(), spec, Math.max(0, hook.layer()));
        ModelCapabilities there = b.folder().capabilities();
        if (!there.has(hook)) return "not in B: " + there.absence(hook.point());
        int layer = Math.max(0, hook.layer());
        long[] inA = HookShape.of(hook.point(), a.spec(), layer, 1, 1);
        long[] inB = HookShape.of(hook.point(), spec, layer, 1, 1);
        if (Arrays.equals(inA, inB)) return null;
        return "one position is " + Arrays.toString(inA) + " in A and " + Arrays.toString(inB) + " in B";
    }

    /** Hooks grouped into passes over the prompt; a hook that does not fit alone is refused. */
    List<List<HookId>> chunks(int positions) {
        List<List<HookId>> chunks = new ArrayList<>();
        long left = 0;
        for (HookId hook : shared) {
            long bytes = 2 * CaptureBudget.bytes(a.spec(), List.of(hook), positions);
            if (!chunks.isEmpty() && split) {
                SortedSet<HookId> more = inputs(List.of(hook));
                more.removeAll(inputs(chunks.get(chunks.size() - 1)));
                left -= CaptureBudget.bytes(a.spec(), more, positions);
            }
            if (bytes > budget.maxBytes()) throw tooLarge(hook, positions, bytes);
            if (chunks.isEmpty() || bytes > left) {
                chunks.add(new ArrayList<>());
                left = budget.maxBytes();
            }
            chunks.get(chunks.size() - 1).add(hook);
            left -= bytes;
        }
        return chunks;
    }

    private Problem tooLarge(HookId hook, int positions, long bytes) {
        return Problem.tooLarge("a single hook of both sides would not fit the budget")
                .where(hook + " x " + positions + " positions, twice")
                .expected("at most " + ByteCount.of(budget.maxBytes()))
                .found(ByteCount.of(bytes))
                .instead("shorten the prompt, leave this hook out of options.hooks, or raise --capture-budget");
    }

    /** One pass per side over one chunk. */
    void compare(int[] idsA, int[] idsB, List<HookId> chunk) {
        SortedSet<HookId> inputs = split ? inputs(chunk) : new TreeSet<>();
        SortedSet<HookId> seen = new TreeSet<>(chunk);
        seen.addAll(inputs);
        try (Capture left = a.capture(idsA, seen)) {
            try (Capture right = b.capture(idsB, chunk)) {
                for (HookId hook : chunk) {
                    Divergence d = Divergence.of(hook.point(), left.get(hook), right.get(hook));
                    byPoint.computeIfAbsent(hook.point(), p -> new LinkedHashMap<>())
                            .put(Math.max(0, hook.layer()), d);
                }
            }
            try (Capture again = floor == null ? null : floor.capture(idsA, chunk)) {
                for (HookId hook : again == null ? List.<HookId>of() : chunk) {
                    Divergence d = Divergence.of(hook.point(), left.get(hook), again.get(hook));
                    floors.put(hook, d.all().relativeL2());
                }
            }
            if (split) onInputs(idsB, chunk, inputs, left);
            for (HookId hook : chunk) rows.add(row(hook, divergence(hook)));
        }
    }

    private void onInputs(int[] idsB, List<HookId> chunk, SortedSet<HookId> inputs, Capture left) {
        Map<HookId, Tensor> patches = new LinkedHashMap<>();
        inputs.forEach(hook -> patches.put(hook, left.get(hook)));
        try (Capture patched = b.capture(idsB, chunk, patches)) {
            for (HookId hook : chunk) {
                if (!input(hook)) made.put(hook, Divergence.of(hook.point(), left.get(hook), patched.get(hook)));
            }
        }
    }

    /** The residual stream hooks before these hooks' modules, where A's values are patched in. */
    private SortedSet<HookId> inputs(List<HookId> hooks) {
        TreeSet<HookId> inputs = new TreeSet<>();
        for (HookId hook : hooks) {
            if (hook.point().compareTo(HookPoint.RESID_PRE) < 0) continue;
            if (!hook.point().layered()) {
                inputs.add(StreamHooks.end(a.spec()));
                continue;
            }
            inputs.add(HookId.of(HookPoint.RESID_PRE, hook.layer()));
            if (HookPresence.of(HookPoint.RESID_MID, a.spec(), hook.layer())) {
                inputs.add(HookId.of(HookPoint.RESID_MID, hook.layer()));
            }
        }
        return inputs;
    }

    /**
     * Whether the hook is a residual stream input, which gets no local error. The last layer's output counts as one,
     * although it is also computed by its layer.
     */
    private static boolean input(HookId hook) {
        return hook.point() == HookPoint.RESID_PRE
                || hook.point() == HookPoint.RESID_MID
                || hook.point() == HookPoint.RESID_POST
                || hook.point() == HookPoint.FORMS;
    }

    private Divergence divergence(HookId hook) {
        return byPoint.get(hook.point()).get(Math.max(0, hook.layer()));
    }

    /** After all chunks; see {@link ComparisonManifest.FirstBad}. */
    ComparisonManifest.FirstBad firstBad(double factor) {
        String basis = split ? "made" : "total";
        for (HookId hook : shared) {
            Divergence d = split ? made.get(hook) : divergence(hook);
            if (d == null) continue;
            double noise = Math.max(LEAST_FLOOR, floors.getOrDefault(hook, 0.0));
            double distance = d.all().relativeL2();
            if (distance <= factor * noise) continue;
            int at = d.firstPast(factor * noise); // one is: the whole is no farther than its farthest position
            return new ComparisonManifest.FirstBad(
                    factor, basis, hook, at, finite(d.at(at).relativeL2()), finite(distance), noise);
        }
        return new ComparisonManifest.FirstBad(factor, basis, null, null, null, null, null);
    }

    private ComparisonManifest.HookRow row(HookId hook, Divergence d) {
        int worst = 0;
        for (int p = 1; p < d.positions(); p++) {
            if (d.at(p).relativeL2() > d.at(worst).relativeL2()) worst = p;
        }
        Divergence.Distance all = d.all();
        return new ComparisonManifest.HookRow(
                hook,
                finite(all.cosine()),
                finite(all.relativeL2()),
                finite(all.maxAbs()),
                finite(all.sqnr()),
                worst,
                finite(d.at(worst).relativeL2()),
                made.containsKey(hook) ? finite(made.get(hook).all().relativeL2()) : null,
                floors.containsKey(hook) ? finite(floors.get(hook)) : null);
    }

    static Double finite(double value) {
        return Double.isFinite(value) ? value : null;
    }

    List<ComparisonManifest.HookRow> rows() {
        return rows;
    }

    /** After all chunks, in data-flow order. */
    void each(BiConsumer<HookId, Divergence> then) {
        for (HookId hook : shared) then.accept(hook, divergence(hook));
    }

    List<ComparisonManifest.Skipped> skipped() {
        return skipped;
    }

    /**
     * After all chunks: for each threshold the first hook, in data-flow order, and its first position above the
     * threshold.
     */
    List<ComparisonManifest.First> firsts() {
        for (double threshold : THRESHOLDS) {
            ComparisonManifest.First found = new ComparisonManifest.First(threshold, null, null, null);
            for (HookId hook : shared) {
                Divergence d = divergence(hook);
                int position = d.firstPast(threshold);
                if (position < 0) continue;
                found = new ComparisonManifest.First(
                        threshold, hook, position, finite(d.at(position).relativeL2()));
                break;
            }
            firsts.add(found);
        }
        return firsts;
    }

    /**
     * Every metric by position: {@code relative_l2/blocks.{i}.hook_resid_pre} [layer, pos] and so on, one tensor per
     * metric and point; {@code head/...} [layer, head, pos] where there are heads. Layers without the point are NaN.
     */
    Map<String, Tensor> tensors() {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        byPoint.forEach((point, layers) -> {
            int n = point.layered() ? a.spec().nLayers() : 1;
            for (Metric metric : Metric.values()) {
                float[][] values = new float[n][];
                layers.forEach((layer, d) -> values[layer] = d.row(metric));
                tensors.put(ComparisonFolder.name(metric.name(), point), stacked(values, positions(layers)));
            }
            if (layers.values().iterator().next().heads() == null) return;
            tensors.put(ComparisonFolder.name("HEAD", point), heads(layers, n));
        });
        return tensors;
    }

    private static int positions(Map<Integer, Divergence> layers) {
        return layers.values().iterator().next().positions();
    }

    private static Tensor stacked(float[][] rows, int positions) {
        float[] all = new float[rows.length * positions];
        Arrays.fill(all, Float.NaN);
        for (int i = 0; i < rows.length; i++) {
            if (rows[i] != null) System.arraycopy(rows[i], 0, all, i * positions, positions);
        }
        return Tensor.of(all, rows.length, positions);
    }

    private static Tensor heads(Map<Integer, Divergence> layers, int n) {
        int positions = positions(layers);
        int most =
                layers.values().stream().mapToInt(d -> d.heads().length).max().orElse(0);
        float[] all = new float[n * most * positions];
        Arrays.fill(all, Float.NaN);
        layers.forEach((layer, d) -> {
            float[][] heads = d.heads();
            for (int h = 0; h < heads.length; h++) {
                System.arraycopy(heads[h], 0, all, (layer * most + h) * positions, positions);
            }
        });
        return Tensor.of(all, n, most, positions);
    }
}
