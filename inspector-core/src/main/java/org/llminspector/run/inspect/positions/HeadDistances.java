package org.llminspector.run.inspect.positions;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.analysis.RotatedProduct;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.RopeFrequencies;

/** Attention scores of a run's queries and keys recomputed at other distances, under RoPE or ALiBi. Thread-safe. */
public final class HeadDistances {

    /**
     * @param range of the head's mean score over the distances
     * @param nearest distance with the largest mean score
     */
    public record HeadRange(int layer, int head, Positions.Kind kind, double range, int nearest) {}

    /** Every head, by the range of its mean score, the largest first. */
    public record Ranges(String run, int most, String criterion, List<HeadRange> heads) {}

    /**
     * Contribution of one RoPE pair to a score at distance d: cosine x cos(f d) - sine x sin(f d).
     *
     * @param meanCosine the same in the mean over the text's pairs of tokens
     */
    public record PairTerm(
            int pair, double frequency, double cosine, double sine, double meanCosine, double meanSine) {}

    /**
     * Score curves over distance, of one query and key and of the mean over all queries and keys of a text.
     *
     * @param distance actual query position minus key position
     * @param before their product times the scale, without rotation
     * @param score at their own distance, computed here
     * @param told the same as captured from the model, after the soft cap where it has one
     * @param agreement largest difference between computed and captured scores, over all keys of the query
     * @param slope ALiBi's penalty per position, or null
     * @param curve the two's score at distances from 0 on, before the soft cap
     * @param mean the same over all queries and earlier keys, the first token's key excluded
     * @param counted number of products in the mean
     * @param rest score of the dimensions that are not rotated
     */
    public record Distances(
            String run,
            int layer,
            int head,
            int kvHead,
            Positions.Kind kind,
            int query,
            int key,
            int distance,
            double scale,
            Float softcap,
            double before,
            double score,
            double told,
            double agreement,
            Double slope,
            List<Double> curve,
            List<Double> mean,
            long counted,
            List<PairTerm> pairs,
            double rest) {}

    /** How heads are ordered, in a sentence. */
    private static final String CRITERION =
            "The first head is the one whose mean score moves farthest with the distance between query and key.";

    private static final int MOST_DISTANCE = 4096;

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;

    public HeadDistances(OpenModels models, RunStore store, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
    }

    /**
     * Range of every head's mean score over distance.
     *
     * @param largest distance
     */
    public Ranges ranges(String runId, int most) {
        checkDistance(most);
        RunManifest run = store.manifest(runId);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        List<HookId> hooks = new ArrayList<>();
        for (int i : spec.attending()) {
            Attention a = spec.layers().get(i).attention();
            if ((a.rope() == null && a.alibi() == null) || changedAfterRope(a)) continue;
            hooks.add(HookId.of(HookPoint.Q, i));
            if (a.keysFrom() == null) hooks.add(HookId.of(HookPoint.K, i));
        }
        if (hooks.isEmpty()) {
            throw Problem.unsupported("no score of this model depends on the distance itself")
                    .where("run " + runId + ", model " + run.model().slug())
                    .found(spec.learnedPositions() ? "learned positions" : "no positions");
        }
        List<HeadRange> ranges = new ArrayList<>();
        Map<Integer, float[]> queries = new HashMap<>();
        Map<Integer, float[]> lent = new HashMap<>(); // keys that later layers read
        values(run, hooks, (hook, tensor) -> {
            int layer = hook.layer();
            Attention a = spec.layers().get(layer).attention();
            float[] seen = tensor.toFloats();
            boolean query = hook.point() == HookPoint.Q;
            if (query && a.keysFrom() == null) {
                queries.put(layer, seen);
                return;
            }
            float[] q = query ? seen : queries.remove(layer);
            float[] k = query ? lent.get(a.keysFrom()) : seen;
            if (!query && spec.lendsKeys(layer)) lent.put(layer, k);
            for (int h = 0; h < a.nHeads(); h++) {
                double[] curve = curve(mean(a, q, k, h, run.positions()), a, h, most);
                int nearest = 0;
                double least = curve[0];
                for (int d = 1; d < curve.length; d++) {
                    if (curve[d] > curve[nearest]) nearest = d;
                    least = Math.min(least, curve[d]);
                }
                ranges.add(new HeadRange(layer, h, Positions.kind(spec, a), curve[nearest] - least, nearest));
            }
        });
        ranges.sort(Comparator.comparingDouble((HeadRange r) -> -r.range())
                .thenComparingInt(HeadRange::layer)
                .thenComparingInt(HeadRange::head));
        return new Ranges(runId, most, CRITERION, ranges);
    }

    /** The layer whose keys a layer attends to. */
    private static int keysOf(Attention a, int layer) {
        return a.keysFrom() == null ? layer : a.keysFrom();
    }

    /** Visits each layer's query hook before its key hook, from the run's captures or recaptured. */
    private void values(RunManifest run, List<HookId> hooks, java.util.function.BiConsumer<HookId, Tensor> visitor) {
        TreeSet<HookId> lacking = new TreeSet<>(hooks);
        List<HookId> kept = run.captures().stream()
                .filter(c -> c.positions() == null)
                .map(RunManifest.CaptureEntry::hook)
                .toList();
        if (kept.containsAll(lacking)) {
            for (HookId hook : lacking) visitor.accept(hook, store.capture(run.id(), hook));
        } else {
            recaptures.visit(run.id(), List.copyOf(lacking), visitor);
        }
    }

    /**
     * Mean over every query and every key up to it; in texts of more than two tokens the first token, an attention
     * sink, is left out.
     */
    private static RotatedProduct mean(Attention a, float[] q, float[] k, int head, int n) {
        RotatedProduct mean = new RotatedProduct(frequencies(a, n), attentionFactor(a));
        int d = a.dHead();
        int shared = head / (a.nHeads() / a.nKvHeads());
        double[] sum = new double[d];
        int first = n > 2 ? 1 : 0;
        for (int i = first; i < n; i++) {
            for (int j = 0; j < d; j++) sum[j] += k[(i * a.nKvHeads() + shared) * d + j];
            mean.add(q, (i * a.nHeads() + head) * d, sum, i - first + 1);
        }
        return mean;
    }

    /** Scores at distances 0 to {@code most}, ALiBi's penalty included. */
    private static double[] curve(RotatedProduct product, Attention a, int head, int most) {
        double[] curve = product.curve(most, a.scale());
        for (int d = 0; d <= most; d++) curve[d] += bias(a, head, d, 0);
        return curve;
    }

    private static double bias(Attention a, int head, int query, int key) {
        return a.alibi() == null ? 0 : AlibiBias.between(a.alibi(), head, query, key);
    }

    private static boolean changedAfterRope(Attention a) {
        return a.qkNormRotated() || a.queryScale() != null;
    }

    private static float[] frequencies(Attention a, int n) {
        return a.rope() == null ? new float[0] : RopeFrequencies.perPosition(a.rope(), n);
    }

    /** RoPE's attention factor, which multiplies cos and sin. */
    private static double attentionFactor(Attention a) {
        return a.rope() == null ? 1 : RopeFrequencies.attentionFactor(a.rope());
    }

    /**
     * Score curves over distance of one query and key of a head, and of the mean over all.
     *
     * @param query negative from the end; null for the prompt's last
     * @param key null for the one that the query attends to most
     * @param most largest distance
     */
    public Distances distances(String runId, int layer, int head, Integer query, Integer key, int most) {
        checkDistance(most);
        RunManifest run = store.manifest(runId);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        Attention a = Bounds.attention(spec, layer);
        Bounds.within(head, a.nHeads(), "head");
        if (changedAfterRope(a))
            throw Problem.unsupported("this layer's scores at other distances are not worked out")
                    .where("layer " + layer)
                    .expected("queries and keys that only RoPE changes")
                    .found("a norm after RoPE, or a factor of queries by position")
                    .instead("a run shows the scores at its own distances: attn.hook_attn_scores");
        int at = RunValues.position(run, query, "query");
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        HookId pattern = HookId.of(HookPoint.PATTERN, layer);
        recaptures.extend(
                runId, new RecaptureRequest(List.of(scores.name(), pattern.name()), String.valueOf(at), null));
        int n = run.positions();
        int d = a.dHead();
        float[] captured = RunValues.row(store, runId, scores, at).toFloats(); // [head, key]
        float[] weights = RunValues.row(store, runId, pattern, at).toFloats();
        int chosen =
                key == null ? heaviest(weights, head * n, at) : Slice.at(key).on(at + 1, "key")[0];
        float[][] qk = new float[2][];
        values(
                run,
                List.of(HookId.of(HookPoint.Q, layer), HookId.of(HookPoint.K, keysOf(a, layer))),
                (hook, tensor) -> qk[hook.point() == HookPoint.Q ? 0 : 1] = tensor.toFloats());
        float[] q = qk[0];
        float[] k = qk[1];
        int shared = head / (a.nHeads() / a.nKvHeads());
        double factor = a.scale();
        RotatedProduct mean = mean(a, q, k, head, n);
        RotatedProduct own = product(a, q, k, at, chosen, head, n);
        double agreement = 0;
        for (int j = 0; j <= at; j++) {
            float score = captured[head * n + j];
            if (Float.isInfinite(score)) continue; // outside the window
            double here = product(a, q, k, at, j, head, n).at(at - j, factor);
            if (a.scoreSoftcap() != null) here = a.scoreSoftcap() * Math.tanh(here / a.scoreSoftcap());
            agreement = Math.max(agreement, Math.abs(here + bias(a, head, at, j) - score));
        }
        double before = 0;
        for (int i = 0; i < d; i++) {
            before += (double) q[(at * a.nHeads() + head) * d + i] * k[(chosen * a.nKvHeads() + shared) * d + i];
        }
        float[] f = frequencies(a, n);
        List<PairTerm> pairs = IntStream.range(0, f.length)
                .mapToObj(p -> new PairTerm(
                        p,
                        f[p],
                        own.cosine(p, factor),
                        own.sine(p, factor),
                        mean.cosine(p, factor),
                        mean.sine(p, factor)))
                .toList();
        return new Distances(
                runId,
                layer,
                head,
                shared,
                Positions.kind(spec, a),
                at,
                chosen,
                at - chosen,
                a.scale(),
                a.scoreSoftcap(),
                before * a.scale(),
                own.at(at - chosen, factor) + bias(a, head, at, chosen),
                captured[head * n + chosen],
                agreement,
                a.alibi() == null
                        ? null
                        : (double) a.alibi().slopes().get(head) * a.alibi().factor(),
                list(curve(own, a, head, most)),
                list(curve(mean, a, head, most)),
                mean.count(),
                pairs,
                own.rest(factor));
    }

    private static RotatedProduct product(Attention a, float[] q, float[] k, int query, int key, int head, int n) {
        RotatedProduct product = new RotatedProduct(frequencies(a, n), attentionFactor(a));
        int d = a.dHead();
        int shared = head / (a.nHeads() / a.nKvHeads());
        double[] own = new double[d];
        for (int j = 0; j < d; j++) own[j] = k[(key * a.nKvHeads() + shared) * d + j];
        product.add(q, (query * a.nHeads() + head) * d, own, 1);
        return product;
    }

    private static int heaviest(float[] weights, int from, int query) {
        int best = 0;
        for (int j = 1; j <= query; j++) if (weights[from + j] > weights[from + best]) best = j;
        return best;
    }

    private static List<Double> list(double[] values) {
        return Arrays.stream(values).boxed().toList();
    }

    private static void checkDistance(int most) {
        if (most >= 1 && most <= MOST_DISTANCE) return;
        throw Problem.invalid("so far is not looked")
                .where("most")
                .expected("1 to " + MOST_DISTANCE)
                .found(most);
    }
}
