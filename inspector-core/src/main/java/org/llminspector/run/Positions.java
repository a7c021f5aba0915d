package org.llminspector.run;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.analysis.OutputShift;
import org.llminspector.analysis.TurnedProduct;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;
import org.llminspector.tokenize.Token;

/**
 * Positions tell how a model knows where a word stands: the angles by which it turns queries and keys, what that makes of a
 * run's scores at any distance, and whether they stay when the whole prompt is moved. Safe on any thread.
 */
public final class Positions {

    /** Kind is how a layer's attention hears of positions. */
    public enum Kind {
        /** Queries and keys are turned. */
        ROPE,
        /** Not in this layer: a learned vector was added to each token before the first. */
        LEARNED,
        /** Not at all: only the mask says what came before (NoPE). */
        NONE
    }

    /**
     * Pair is two numbers of a head that turn together.
     *
     * @param frequency radians a position
     * @param unscaled the same without the config's scaling
     * @param period positions for a whole turn
     */
    public record Pair(int pair, double frequency, double unscaled, double period) {}

    /**
     * Scheme is how some layers do it.
     *
     * @param layers of which it is
     * @param dHead size of one head
     * @param turned how many of its numbers turn; null without RoPE, as all that follows
     * @param theta base of the frequencies
     * @param scaling as the config has it
     * @param attentionFactor factor on cos and sin
     * @param window positions back that a query sees, itself included; null for all
     */
    public record Scheme(
            Kind kind,
            List<Integer> layers,
            int dHead,
            Integer turned,
            Double theta,
            Rope.Scaling scaling,
            Double attentionFactor,
            Integer window,
            List<Pair> pairs) {}

    /**
     * @param length positions of the sequence, which dynamic and longrope scaling look at
     * @param similarity of the learned vectors; null without
     * @param alibiSlopes what ALiBi (Press et al. 2021) would take from a score a position of distance, head by head, for as
     *     many heads as the first layer has; no family here uses it
     */
    public record Schemes(
            String model,
            int length,
            int maxContext,
            boolean learned,
            List<Scheme> schemes,
            Similarity similarity,
            List<Double> alibiSlopes) {}

    /**
     * Similarity is how alike the learned vectors of positions are.
     *
     * @param every of so many positions one is looked at
     * @param cosines of every two of them
     */
    public record Similarity(int every, List<List<Float>> cosines) {}

    /**
     * @param range how far the head's mean score moves over the distances
     * @param nearest the distance at which it is largest
     */
    public record HeadRange(int layer, int head, Kind kind, double range, int nearest) {}

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
            Kind kind,
            int query,
            int key,
            int distance,
            double scale,
            Float softcap,
            double before,
            double score,
            double told,
            double agreement,
            List<Double> curve,
            List<Double> mean,
            long counted,
            List<PairTerm> pairs,
            double rest) {}

    /**
     * Shift is a run with all its tokens moved: as many others stand before them, which none of them may read.
     *
     * @param by positions
     * @param filler the token that stands before
     * @param maxDifference of the layer's scores, where the tokens may read one another
     * @param largest score, by magnitude
     * @param logitsDifference the largest at the prompt's last position
     * @param kl KL(where it was || moved) of the next token, nats
     */
    public record Shift(
            String run,
            int by,
            Token filler,
            int layer,
            Kind kind,
            double maxDifference,
            double largest,
            double logitsDifference,
            double kl,
            List<ShiftedToken> top) {}

    /** @param moved its probability after the shift */
    public record ShiftedToken(int id, String text, double prob, double moved) {}

    /** By which heads are ordered, in a sentence. */
    private static final String CRITERION =
            "The first head is the one whose mean score moves farthest with the distance between query and key.";

    private static final int MOST_DISTANCE = 4096;
    private static final int TOP = 5;

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final Extensions extensions;

    Positions(OpenModels models, RunStore store, RunQueue queue, Extensions extensions) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.extensions = extensions;
    }

    /**
     * How each layer of a model hears of positions.
     *
     * @param length of the sequence, or null for one that no scaling has to stretch
     * @param most learned positions that are held against one another
     */
    public Schemes schemes(String slug, Integer length, int most) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        int seqLen = length == null ? 1 : length;
        if (seqLen < 1 || seqLen > spec.maxContext()) {
            throw Problem.invalid("the model reads no sequence of this length")
                    .where("length")
                    .expected("1 to " + spec.maxContext())
                    .found(seqLen);
        }
        Map<List<Object>, List<Integer>> same = new LinkedHashMap<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            same.computeIfAbsent(Arrays.asList(a.rope(), a.window(), a.dHead()), k -> new ArrayList<>())
                    .add(i);
        }
        List<Scheme> schemes = same.values().stream()
                .map(layers -> scheme(spec, layers, seqLen))
                .toList();
        int heads = spec.layers().get(0).attention().nHeads();
        return new Schemes(
                slug,
                seqLen,
                spec.maxContext(),
                spec.learnedPositions(),
                schemes,
                spec.learnedPositions() ? similarity(folder, most) : null,
                alibi(heads));
    }

    private static Scheme scheme(DecoderSpec spec, List<Integer> layers, int seqLen) {
        Attention a = spec.layers().get(layers.get(0)).attention();
        Rope rope = a.rope();
        Kind kind = kind(spec, a);
        if (rope == null) {
            return new Scheme(kind, layers, a.dHead(), null, null, null, null, a.window(), List.of());
        }
        float[] scaled = RopeFrequencies.perPosition(rope, seqLen);
        float[] plain = RopeFrequencies.perPosition(new Rope(rope.dims(), rope.theta(), new Rope.Default()), seqLen);
        List<Pair> pairs = new ArrayList<>();
        for (int i = 0; i < scaled.length; i++) {
            pairs.add(new Pair(i, scaled[i], plain[i], 2 * Math.PI / scaled[i]));
        }
        return new Scheme(
                kind,
                layers,
                a.dHead(),
                rope.turned(),
                rope.theta(),
                rope.scaling(),
                (double) RopeFrequencies.attentionFactor(rope),
                a.window(),
                pairs);
    }

    private static Kind kind(DecoderSpec spec, Attention a) {
        if (a.rope() != null) return Kind.ROPE;
        return spec.learnedPositions() ? Kind.LEARNED : Kind.NONE;
    }

    /** 2^(-8 (h + 1) / n) for a power of two; between two powers, every other one of the next power's fill up. */
    static List<Double> alibi(int heads) {
        int power = Integer.highestOneBit(heads);
        List<Double> slopes = new ArrayList<>();
        for (int h = 1; h <= power; h++) slopes.add(Math.pow(2, -8.0 * h / power));
        for (int h = 1; slopes.size() < heads; h += 2) slopes.add(Math.pow(2, -8.0 * h / (2 * power)));
        return slopes;
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
        for (int i = 0; i < spec.nLayers(); i++) {
            if (spec.layers().get(i).attention().rope() == null) continue;
            hooks.add(HookId.of(HookPoint.Q, i));
            hooks.add(HookId.of(HookPoint.K, i));
        }
        if (hooks.isEmpty()) {
            throw Problem.unsupported("no layer of this model turns its queries and keys")
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
                double[] curve = mean(a, q, k, h, run.positions()).curve(most, a.scale());
                int nearest = 0;
                double least = curve[0];
                for (int d = 1; d < curve.length; d++) {
                    if (curve[d] > curve[nearest]) nearest = d;
                    least = Math.min(least, curve[d]);
                }
                ranges.add(new HeadRange(layer, h, Kind.ROPE, curve[nearest] - least, nearest));
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
            extensions.visit(run.id(), List.copyOf(lacking), visitor);
        }
    }

    /** Of every query with every key before it and itself; the first token, where heads rest, is left out of longer texts. */
    private static TurnedProduct mean(Attention a, float[] q, float[] k, int head, int n) {
        TurnedProduct mean = new TurnedProduct(frequencies(a, n), warm(a));
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

    private static float[] frequencies(Attention a, int n) {
        return a.rope() == null ? new float[0] : RopeFrequencies.perPosition(a.rope(), n);
    }

    /** The factor on cos and sin. */
    private static double warm(Attention a) {
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
        Heads.within(layer, spec.nLayers(), "layer");
        Attention a = spec.layers().get(layer).attention();
        Heads.within(head, a.nHeads(), "head");
        int at = RunValues.position(run, query, "query");
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        HookId pattern = HookId.of(HookPoint.PATTERN, layer);
        extensions.extend(
                runId, new ExtensionRequest(List.of(scores.name(), pattern.name()), String.valueOf(at), null));
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
        TurnedProduct mean = mean(a, q, k, head, n);
        TurnedProduct own = product(a, q, k, at, chosen, head, n);
        double agreement = 0;
        for (int j = 0; j <= at; j++) {
            float score = told[head * n + j];
            if (Float.isInfinite(score)) continue; // out of the window
            double here = product(a, q, k, at, j, head, n).at(at - j, factor);
            if (a.scoreSoftcap() != null) here = a.scoreSoftcap() * Math.tanh(here / a.scoreSoftcap());
            agreement = Math.max(agreement, Math.abs(here - score));
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
                kind(spec, a),
                at,
                chosen,
                at - chosen,
                a.scale(),
                a.scoreSoftcap(),
                before * a.scale(),
                own.at(at - chosen, factor),
                told[head * n + chosen],
                agreement,
                list(own.curve(most, factor)),
                list(mean.curve(most, factor)),
                mean.count(),
                pairs,
                own.rest(factor));
    }

    private static TurnedProduct product(Attention a, float[] q, float[] k, int query, int key, int head, int n) {
        TurnedProduct product = new TurnedProduct(frequencies(a, n), warm(a));
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

    /**
     * Reads a run's prompt where it stands and again with everything moved: {@code by} tokens are put before it, and no token
     * of the prompt may read them. Both readings are the run's own engine's; neither is kept.
     *
     * @param layer whose scores are compared
     */
    public Shift shift(String runId, int by, int layer) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        DecoderSpec spec = folder.spec();
        RunValues.sameWeights(run, folder);
        Heads.within(layer, spec.nLayers(), "layer");
        if (!run.request().interventions().isEmpty()) {
            throw Problem.invalid("a changed run is not moved: its changes name positions")
                    .where("run " + runId)
                    .instead("move the run that it was made from");
        }
        folder.port().unchangeable().ifPresent(why -> {
            throw why;
        });
        int n = run.promptLength();
        if (by < 1 || by + n > spec.maxContext()) {
            throw Problem.invalid("the prompt cannot be moved so far")
                    .where("by")
                    .expected("1 to " + (spec.maxContext() - n))
                    .found(by);
        }
        List<Token> prompt = run.tokens().subList(0, n);
        int[] ids = prompt.stream().mapToInt(Token::id).toArray();
        int[] moved = new int[by + n];
        Arrays.fill(moved, 0, by, ids[0]);
        System.arraycopy(ids, 0, moved, by, n);
        Intervention apart = new Intervention(
                "blocks.*.attn.hook_attn_scores",
                Intervention.Op.MASK,
                null,
                IntStream.range(by, by + n).boxed().toList(),
                IntStream.range(0, by).boxed().toList(),
                null,
                null,
                null,
                null);
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        PrecisionPlan plan = run.request().plan();
        String name = run.engine().name();
        String device = run.engine().device();
        try (OpenModels.Hold hold = models.hold(folder, name, device, plan, queue::closing)) {
            return queue.call("moving run " + runId, () -> {
                InspectorEngine engine = models.engine(folder, name, device, plan);
                float[][] there = read(engine, ids, scores, List.of());
                float[][] here = read(engine, moved, scores, List.of(apart));
                return compared(run, folder, by, layer, there, here);
            });
        }
    }

    /** @return {scores [head, query, key], logits of the last position} */
    private static float[][] read(InspectorEngine engine, int[] ids, HookId scores, List<Intervention> changes) {
        SessionRequest request =
                new SessionRequest(ids.length, new TreeSet<>(List.of(scores)), changes, List.of(), true);
        try (Session session = engine.begin(request)) {
            float[] logits = session.append(ids.clone());
            try (Capture capture = session.capture()) {
                return new float[][] {capture.get(scores).toFloats(), logits};
            }
        }
    }

    private static Shift compared(
            RunManifest run, ModelFolder folder, int by, int layer, float[][] there, float[][] here) {
        int n = run.promptLength();
        int wide = n + by;
        Attention a = folder.spec().layers().get(layer).attention();
        double most = 0;
        double largest = 0;
        for (int h = 0; h < a.nHeads(); h++) {
            for (int q = 0; q < n; q++) {
                for (int k = 0; k <= q; k++) {
                    float x = there[0][(h * n + q) * n + k];
                    float y = here[0][(h * wide + q + by) * wide + k + by];
                    if (Float.isInfinite(x) && Float.isInfinite(y)) continue; // out of the window
                    largest = Math.max(largest, Math.abs(x));
                    most = Math.max(most, Math.abs((double) x - y));
                }
            }
        }
        double logits = 0;
        for (int i = 0; i < there[1].length; i++) {
            logits = Math.max(logits, Math.abs((double) there[1][i] - here[1][i]));
        }
        OutputShift shift = new OutputShift(there[1], here[1]);
        return new Shift(
                run.id(),
                by,
                run.tokens().get(0),
                layer,
                kind(folder.spec(), a),
                most,
                largest,
                logits,
                shift.kl(),
                shift.top(TOP).stream()
                        .map(t -> new ShiftedToken(t.id(), folder.token(t.id()).text(), t.prob(), t.afterProb()))
                        .toList());
    }

    private static Similarity similarity(ModelFolder folder, int most) {
        DecoderSpec spec = folder.spec();
        int every = Math.max(1, (spec.maxContext() + most - 1) / most);
        int n = (spec.maxContext() + every - 1) / every;
        int d = spec.dModel();
        Tensor table = folder.weights().get("pos_embed.weight"); // [context, d_model]
        float[][] rows = new float[n][];
        for (int i = 0; i < n; i++)
            rows[i] = table.rows(i * every, i * every + 1).toFloats();
        List<List<Float>> cosines = new ArrayList<>();
        for (float[] x : rows) {
            List<Float> line = new ArrayList<>();
            for (float[] y : rows) line.add(cosine(x, y, d));
            cosines.add(line);
        }
        return new Similarity(every, cosines);
    }

    private static float cosine(float[] x, float[] y, int d) {
        double product = 0;
        double a = 0;
        double b = 0;
        for (int i = 0; i < d; i++) {
            product += (double) x[i] * y[i];
            a += (double) x[i] * x[i];
            b += (double) y[i] * y[i];
        }
        return a * b == 0 ? 0 : (float) (product / Math.sqrt(a * b));
    }
}
