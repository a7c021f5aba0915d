package org.llminspector.run;

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
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.RopeFrequencies;

/**
 * HeadDistances put a run's queries and keys at other distances: what RoPE, or ALiBi, makes of a head's scores, near and far. Safe on any
 * thread.
 */
public final class HeadDistances {

    /**
     * @param range how far the head's mean score moves over the distances
     * @param nearest the distance at which it is largest
     */
    public record HeadRange(int layer, int head, Positions.Kind kind, double range, int nearest) {}

    /** Every head, the one whose score depends most on the distance first. */
    public record Ranges(String run, int most, String criterion, List<HeadRange> heads) {}

    /**
     * PairTerm is what one pair gives to a score: cosine x cos(f d) - sine x sin(f d).
     *
     * @param meanCosine the same in the mean over the text's pairs of tokens
     */
    public record PairTerm(
            int pair, double frequency, double cosine, double sine, double meanCosine, double meanSine) {}

    /**
     * Distances are one query and one key, and the mean of all queries and keys of a text, put at other distances.
     *
     * @param distance at which the two really stand
     * @param before their product times the scale, as if nothing were turned
     * @param score at their own distance, computed here
     * @param told the same as the model has it: after its cap where it caps
     * @param agreement the largest difference between what is computed here and what the model has, over all keys of the query
     * @param slope what ALiBi takes a position of distance, or null
     * @param curve the two's score at distances from 0 on, before a cap
     * @param mean of all queries with all keys before them but the first token's
     * @param counted products in the mean
     * @param rest what does not turn
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

    /** By which heads are ordered, in a sentence. */
    private static final String CRITERION =
            "The first head is the one whose mean score moves farthest with the distance between query and key.";

    private static final int MOST_DISTANCE = 4096;

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;

    HeadDistances(OpenModels models, RunStore store, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
    }

    /**
     * How much every head's mean score depends on the distance.
     *
     * @param most distance that is looked at
     */
    public Ranges ranges(String runId, int most) {
        checkDistance(most);
        RunManifest run = store.manifest(runId);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        List<HookId> hooks = new ArrayList<>();
        for (int i : spec.attending()) {
            Attention a = spec.layers().get(i).attention();
            if (a.rope() == null && a.alibi() == null) continue;
            hooks.add(HookId.of(HookPoint.Q, i));
            hooks.add(HookId.of(HookPoint.K, i));
        }
        if (hooks.isEmpty()) {
            throw Problem.unsupported("no score of this model depends on the distance itself")
                    .where("run " + runId + ", model " + run.model().slug())
                    .found(spec.learnedPositions() ? "learned positions" : "no positions");
        }
        List<HeadRange> ranges = new ArrayList<>();
        Map<Integer, float[]> queries = new HashMap<>();
        values(run, hooks, (hook, tensor) -> {
            int layer = hook.layer();
            if (hook.point() == HookPoint.Q) {
                queries.put(layer, tensor.toFloats());
                return;
            }
            Attention a = spec.layers().get(layer).attention();
            float[] q = queries.remove(layer);
            float[] k = tensor.toFloats();
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

    /** Queries before their keys, as the run has them whole or read again. */
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

    /** Of every query with every key before it and itself; the first token, where heads rest, is left out of longer texts. */
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

    /** At distances 0 to {@code most}, less what ALiBi takes. */
    private static double[] curve(RotatedProduct product, Attention a, int head, int most) {
        double[] curve = product.curve(most, a.scale());
        for (int d = 0; d <= most; d++) curve[d] += bias(a, head, d, 0);
        return curve;
    }

    private static double bias(Attention a, int head, int query, int key) {
        return a.alibi() == null ? 0 : AlibiBias.between(a.alibi(), head, query, key);
    }

    private static float[] frequencies(Attention a, int n) {
        return a.rope() == null ? new float[0] : RopeFrequencies.perPosition(a.rope(), n);
    }

    /** The factor on cos and sin. */
    private static double attentionFactor(Attention a) {
        return a.rope() == null ? 1 : RopeFrequencies.attentionFactor(a.rope());
    }

    /**
     * One query and one key of a head, and all of them in the mean, put at other distances.
     *
     * @param query negative from the end; null for the prompt's last
     * @param key null for the one that the query reads most
     * @param most distance
     */
    public Distances distances(String runId, int layer, int head, Integer query, Integer key, int most) {
        checkDistance(most);
        RunManifest run = store.manifest(runId);
        DecoderSpec spec = models.folder(run.model().slug()).spec();
        Attention a = Heads.attention(spec, layer);
        Heads.within(head, a.nHeads(), "head");
        int at = RunValues.position(run, query, "query");
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        HookId pattern = HookId.of(HookPoint.PATTERN, layer);
        recaptures.extend(
                runId, new RecaptureRequest(List.of(scores.name(), pattern.name()), String.valueOf(at), null));
        int n = run.positions();
        int d = a.dHead();
        float[] told = RunValues.row(store, runId, scores, at).toFloats(); // [head, key]
        float[] weights = RunValues.row(store, runId, pattern, at).toFloats();
        int chosen =
                key == null ? heaviest(weights, head * n, at) : Slice.at(key).on(at + 1, "key")[0];
        float[][] qk = new float[2][];
        values(
                run,
                List.of(HookId.of(HookPoint.Q, layer), HookId.of(HookPoint.K, layer)),
                (hook, tensor) -> qk[hook.point() == HookPoint.Q ? 0 : 1] = tensor.toFloats());
        float[] q = qk[0];
        float[] k = qk[1];
        int shared = head / (a.nHeads() / a.nKvHeads());
        double factor = a.scale();
        RotatedProduct mean = mean(a, q, k, head, n);
        RotatedProduct own = product(a, q, k, at, chosen, head, n);
        double agreement = 0;
        for (int j = 0; j <= at; j++) {
            float score = told[head * n + j];
            if (Float.isInfinite(score)) continue; // out of the window
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
                told[head * n + chosen],
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
