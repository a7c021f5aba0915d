package org.llminspector.run.inspect.heads;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.llminspector.analysis.EffectiveAttention;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Lightning;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/**
 * Effective attention of a run's recurrent layers: {@link EffectiveAttention}. Values that the run lacks are recomputed
 * and not stored. Thread-safe.
 */
public final class RecurrentHeads {

    /** How a layer's weights are made. */
    public enum Convention {
        /** The query carried back through the decays to each key. */
        DECAYED_QUERY_KEY,
        /** The same, less what the keys in between overwrite: the step of a delta net is linear in its values. */
        DELTA_RULE,
        /** The product of the decays in between: every channel is written and read as it is. */
        DECAY
    }

    /**
     * Effective attention of one layer.
     *
     * @param kind of recurrence, as in the model's spec
     * @param of hook whose values the weights are of
     * @param channels whether the head axis counts channels, each with a decay of its own
     * @param exact whether the weighted sum is {@code ssm.hook_y}: not in a run that changed what was written to the state
     *     or read from it
     * @param difference largest difference between the weighted sums and {@code ssm.hook_y}, as a share of its largest
     *     value, over the heads and queries asked for
     * @param halfLives of every head, in tokens: ln 0.5 / mean ln decay; null where nothing decays
     * @param heads the heads asked for
     * @param queries the first position asked for
     * @param weights [head, query, key]
     */
    public record Effective(
            String run,
            int layer,
            String kind,
            Convention convention,
            String of,
            boolean channels,
            boolean exact,
            double difference,
            List<Double> halfLives,
            int heads,
            int queries,
            Tensor weights) {}

    /** Most numbers of layers that are kept for the next question. */
    private static final long MOST_KEPT = 1 << 25;

    private static final long MOST_WEIGHTS = 1 << 24;

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;
    private final Cache<List<Object>, Layer> layers = Caffeine.newBuilder()
            .executor(Runnable::run)
            .maximumWeight(MOST_KEPT)
            .weigher((List<Object> key, Layer layer) -> layer.size())
            .build();

    /**
     * @param values [pos, head, d_head], what the weights are of
     * @param read the same shape, what the weighted sums are compared with
     */
    private record Layer(EffectiveAttention attention, float[] values, float[] read) {
        int size() {
            return Math.toIntExact(Math.min(MOST_KEPT, attention.size() + values.length + read.length));
        }
    }

    public RecurrentHeads(OpenModels models, RunStore store, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
    }

    /**
     * Effective attention of a recurrent layer of a run.
     *
     * @param heads slice; {@link Slice#ALL} for all
     * @param queries the same
     * @throws Problem as for a recapture; UNSUPPORTED for a layer without a recurrence; INVALID for a layer or slice that
     *     the run does not have; TOO_LARGE for too many weights at once
     */
    public Effective effective(String runId, int layer, Slice heads, Slice queries) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        Recurrent r = recurrence(folder.spec(), layer);
        int n = run.positions();
        int[] of = heads.on(EffectiveAttention.heads(r), "head");
        int[] rows = queries.on(n, "query");
        long weights = (long) (of[1] - of[0]) * (rows[1] - rows[0]) * n;
        if (weights > MOST_WEIGHTS) {
            throw Problem.tooLarge("these are too many weights at once")
                    .where("run " + runId + ", layer " + layer)
                    .expected("at most " + MOST_WEIGHTS + " weights")
                    .found(weights)
                    .instead("take a slice of `head` or of `query`");
        }
        Layer known = layers.get(List.of(runId, layer), key -> read(run, layer, r));
        float[] all = new float[Math.toIntExact(weights)];
        double difference = 0;
        int at = 0;
        for (int h = of[0]; h < of[1]; h++) {
            for (int t = rows[0]; t < rows[1]; t++) {
                double[] row = known.attention.row(h, t);
                difference = Math.max(difference, difference(known, r, h, t, row));
                for (double w : row) all[at++] = (float) w;
            }
        }
        double largest = 0;
        for (float y : known.read) largest = Math.max(largest, Math.abs(y));
        List<Double> halfLives = new ArrayList<>();
        for (int h = 0; h < EffectiveAttention.heads(r); h++) {
            double half = known.attention.halfLife(h);
            halfLives.add(Double.isInfinite(half) ? null : half);
        }
        return new Effective(
                runId,
                layer,
                r.kind(),
                r instanceof DeltaNet
                        ? Convention.DELTA_RULE
                        : r instanceof RgLru ? Convention.DECAY : Convention.DECAYED_QUERY_KEY,
                HookId.of(values(r), layer).name(),
                EffectiveAttention.byChannel(r),
                !changed(run, folder, layer),
                largest == 0 ? 0 : difference / largest,
                halfLives,
                of[0],
                rows[0],
                Tensor.of(all, of[1] - of[0], rows[1] - rows[0], n));
    }

    /** Largest difference of a weighted sum from what was read. */
    private static double difference(Layer layer, Recurrent r, int head, int t, double[] row) {
        int wide = EffectiveAttention.byChannel(r) ? 1 : r.dHead();
        int all = r.nHeads() * r.dHead();
        double most = 0;
        for (int j = head * wide; j < (head + 1) * wide; j++) {
            double sum = 0;
            for (int s = 0; s <= t; s++) sum += row[s] * layer.values[s * all + j];
            most = Math.max(most, Math.abs(sum - layer.read[t * all + j]));
        }
        return most;
    }

    private static Recurrent recurrence(DecoderSpec spec, int layer) {
        Bounds.within(layer, spec.nLayers(), "layer");
        LayerSpec block = spec.layers().get(layer);
        if (block.recurrence() != null) return block.recurrence();
        throw Problem.unsupported("the layer has no recurrence, whose decays and keys would be read")
                .where("layer " + layer)
                .expected("a layer with a recurrence: " + spec.recurring())
                .found(block.mixers().isEmpty() ? "a layer without a mixer" : String.join(", ", block.mixers()))
                .instead(
                        block.attends()
                                ? "its weights are a hook: blocks." + layer + ".attn.hook_pattern"
                                : "look at this layer's own hooks: GET /models/{slug}/hooks");
    }

    /** What the weights are of: what the layer reads of its input where a scale is part of the weight, else what is written. */
    private static HookPoint values(Recurrent r) {
        if (r instanceof RgLru) return HookPoint.SSM_WRITE;
        return r instanceof DeltaNet || r instanceof Lightning ? HookPoint.SSM_V : HookPoint.SSM_X;
    }

    private Layer read(RunManifest run, int layer, Recurrent r) {
        boolean mamba = values(r) == HookPoint.SSM_X;
        List<HookPoint> points = new ArrayList<>(List.of(HookPoint.SSM_DECAY, values(r), HookPoint.SSM_Y));
        HookPoint key = mamba ? HookPoint.SSM_B : HookPoint.SSM_K;
        HookPoint query = mamba ? HookPoint.SSM_C : HookPoint.SSM_Q;
        HookPoint scale = mamba ? HookPoint.SSM_DT : HookPoint.SSM_BETA;
        if (!(r instanceof RgLru)) points.addAll(List.of(key, query));
        if (mamba || r instanceof DeltaNet) points.add(scale);
        List<HookId> hooks = points.stream().map(p -> HookId.of(p, layer)).toList();
        Map<HookId, float[]> seen = new TreeMap<>();
        recaptures.values(run, hooks, (hook, value) -> seen.put(hook, value.toFloats()));
        EffectiveAttention attention = new EffectiveAttention(
                r,
                run.positions(),
                seen.get(HookId.of(HookPoint.SSM_DECAY, layer)),
                seen.get(HookId.of(key, layer)),
                seen.get(HookId.of(query, layer)),
                seen.get(HookId.of(scale, layer)));
        return new Layer(attention, seen.get(HookId.of(values(r), layer)), seen.get(HookId.of(HookPoint.SSM_Y, layer)));
    }

    /** Whether the run changed what is written to the layer's state, the state, or what is read from it. */
    private static boolean changed(RunManifest run, ModelFolder folder, int layer) {
        List<HookId> between = List.of(
                HookId.of(HookPoint.SSM_WRITE, layer),
                HookId.of(HookPoint.SSM_STATE, layer),
                HookId.of(HookPoint.SSM_Y, layer));
        if (run.request().interventions() == null) return false;
        return run.request().interventions().stream()
                .flatMap(i -> folder.hooks(List.of(i.hook())).stream())
                .anyMatch(between::contains);
    }
}
