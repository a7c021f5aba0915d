package org.llminspector.run.lab.fit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;

/**
 * Distributed interchange interventions (distributed alignment search, Geiger et al. 2024): a subspace of a hooked value is found such
 * that giving it another prompt's value gives that prompt's answer. h = h_base + (h_source - h_base) B B^T, with B [d_model, rank] of orthonormal
 * columns, fitted by Adam on -ln p(answer). Controls: a subspace by chance, arbitrary labels, the whole value.
 */
public final class Interchange {

    private static final double RATE = 0.03;

    /** One of this number of examples is held out. */
    private static final int HELD = 4;

    /** Bytes of streams that are kept. */
    private static final long MOST_STREAMS = 256L << 20;

    /** The widest value of which a basis of the whole space is tried. */
    private static final int WIDEST = 2_048;

    /** @param answer the token that the base prompt is to be continued with once it has the source's value */
    public record Example(Side base, Side source, int answer) {}

    /** @param rank dimensions of the subspace */
    public record Options(HookId hook, int pos, int rank, int epochs, int seed) {}

    /**
     * A subspace and its controls.
     *
     * @param rank its dimensions
     * @param trained examples that it was fitted on
     * @param heldOut examples that it was not fitted on
     * @param basis B's columns, [rank][d_model]
     * @param arms what was interchanged, and how often the answer followed
     */
    public record Subspace(
            String hook, int pos, int rank, int trained, int heldOut, List<List<Double>> basis, List<Arm> arms) {}

    /**
     * One way to interchange.
     *
     * @param name {@code none}, {@code random}, {@code arbitrary labels}, {@code subspace}, {@code whole}
     * @param trained share of the fitted examples whose most probable token is the answer
     * @param heldOut the same of the others
     * @param nll mean -ln p(answer) of the others, nats
     */
    public record Arm(String name, double trained, double heldOut, double nll) {}

    private final Options options;
    private final List<Side> bases;
    private final float[][] base; // [example][d_model]
    private final float[][] change; // source less base
    private final int[] answers;
    private final int d;
    private final InspectorEngine engine;
    private final HookId at; // the value's place: a layer's output is the next one's input
    private final HookId end;
    private final Unembedded unembedded;
    private final Steps steps;
    private final float[][] starts; // [example][pos * d_model] before the value's layer; null: none is kept
    private final List<Integer> train = new ArrayList<>();
    private final List<Integer> held = new ArrayList<>();

    private Interchange(Options options, List<Example> examples, Steps steps) {
        this.options = options;
        this.steps = steps;
        this.bases = examples.stream().map(Example::base).toList();
        this.engine = bases.get(0).engine();
        this.at = at(options.hook());
        this.end = StreamHooks.end(bases.get(0).spec());
        this.unembedded = new Unembedded(engine);
        SortedSet<HookId> read = new TreeSet<>(List.of(at));
        this.base = Examples.values(bases, read, options.pos(), steps).get(at);
        float[][] source = Examples.values(
                        examples.stream().map(Example::source).toList(), read, options.pos(), steps)
                .get(at);
        this.d = base[0].length;
        this.change = new float[base.length][d];
        for (int i = 0; i < base.length; i++) for (int c = 0; c < d; c++) change[i][c] = source[i][c] - base[i][c];
        this.answers = examples.stream().mapToInt(Example::answer).toArray();
        for (int i = 0; i < base.length; i++) (i % HELD == HELD - 1 ? held : train).add(i);
        this.starts = starts();
    }

    private HookId at(HookId hook) {
        HookId next = HookId.of(HookPoint.RESID_PRE, hook.layer() + 1);
        boolean same = hook.point() == HookPoint.RESID_POST
                && next.layer() < bases.get(0).spec().nLayers();
        return same && bases.get(0).has(next) ? next : hook;
    }

    /** The base prompts' streams, from which passes begin. */
    private float[][] starts() {
        HookId start = HookId.of(HookPoint.RESID_PRE, at.layer());
        long tokens = bases.stream().mapToLong(Side::length).sum();
        boolean fit = tokens * d * Float.BYTES <= MOST_STREAMS;
        if (at.layer() == 0 || !fit || !engine.startsAtLayers() || !bases.get(0).has(start)) return null;
        float[][] out = new float[bases.size()][];
        for (List<Integer> of : Examples.batches(bases)) {
            engine.run(Batch.of(Examples.ids(bases, of), new TreeSet<>(List.of(start))), (hook, value) -> {
                int size = Math.toIntExact(value.size() / of.size());
                for (int r = 0; r < of.size(); r++) {
                    out[of.get(r)] = new float[size];
                    value.toFloats((long) r * size, out[of.get(r)], size);
                }
            });
        }
        return out;
    }

    /**
     * @param checks gets what was checked on this subspace
     * @throws Problem for fewer than four examples, a rank outside the value, or an engine without gradients
     */
    public static Subspace run(Options options, List<Example> examples, Steps steps, List<LensFit.Check> checks) {
        if (examples.size() < HELD) {
            throw Problem.invalid("too few examples to hold one out")
                    .where("examples")
                    .expected("at least " + HELD)
                    .found(examples.size());
        }
        Interchange all = new Interchange(options, examples, steps);
        if (options.rank() > all.d) {
            throw Problem.invalid("a subspace has at most as many dimensions as the value")
                    .where("rank")
                    .expected("1 to " + all.d)
                    .found(options.rank());
        }
        return all.found(checks);
    }

    private Subspace found(List<LensFit.Check> checks) {
        Random draws = new Random(options.seed());
        double[][] random = orthonormal(draws);
        double[][] fitted = fit(random, answers);
        List<Integer> order = new ArrayList<>(IntStream.of(answers).boxed().toList());
        Collections.shuffle(order, draws);
        int[] dealt = order.stream().mapToInt(i -> i).toArray();
        double[][] arbitrary = fit(random, dealt);
        List<Arm> arms = List.of(
                arm("none", new double[0][], answers),
                arm("random", random, answers),
                arm("arbitrary labels", arbitrary, dealt),
                arm("subspace", fitted, answers),
                arm("whole", null, answers));
        checks.add(unchanged(arms.get(0)));
        checks.add(new LensFit.Check("the columns' products, less the identity: nothing", 0, skew(fitted), 1e-9));
        if (d <= WIDEST) {
            double whole = arms.get(arms.size() - 1).nll();
            checks.add(new LensFit.Check(
                    "a basis of the whole space interchanged: the whole value, in -ln p(answer)",
                    whole,
                    arm("basis", reflection(draws), answers).nll(),
                    1e-3 * (1 + Math.abs(whole))));
        }
        return new Subspace(
                options.hook().name(),
                options.pos(),
                options.rank(),
                train.size(),
                held.size(),
                Arrays.stream(fitted)
                        .map(column -> Arrays.stream(column).boxed().toList())
                        .toList(),
                arms);
    }

    /** Each prompt given its own value is the prompt as it runs by itself, from the first layer on. */
    private LensFit.Check unchanged(Arm none) {
        double nll = 0;
        for (List<Integer> of : batches(held)) {
            float[][] last = last(of, Batch.of(Examples.ids(bases, of), new TreeSet<>(List.of(end))));
            double[][] log = unembedded.logProbabilities(last);
            for (int r = 0; r < of.size(); r++) nll -= log[r][answers[of.get(r)]] / held.size();
        }
        return new LensFit.Check(
                "prompts interchanged with themselves: the prompts as they were, in -ln p(answer)",
                nll,
                none.nll(),
                1e-3 * (1 + Math.abs(nll)));
    }

    /** How far columns are from orthonormal: the largest element of B^T B - 1. */
    private static double skew(double[][] columns) {
        double skew = 0;
        for (int i = 0; i < columns.length; i++)
            for (int j = 0; j <= i; j++)
                skew = Math.max(skew, Math.abs(dot(columns[i], columns[j]) - (i == j ? 1 : 0)));
        return skew;
    }

    /** An orthonormal basis of the whole space: Householder's reflection 1 - 2 v v^T by a direction by chance. */
    private double[][] reflection(Random draws) {
        double[] v = draws.doubles(d, -1, 1).toArray();
        double square = dot(v, v);
        double[][] columns = new double[d][d];
        for (int i = 0; i < d; i++)
            for (int c = 0; c < d; c++) columns[i][c] = (i == c ? 1 : 0) - 2 * v[i] * v[c] / square;
        return columns;
    }

    /** Orthonormal columns by chance, [rank][d_model]. */
    private double[][] orthonormal(Random draws) {
        double[][] columns = new double[options.rank()][d];
        for (double[] column : columns) for (int i = 0; i < d; i++) column[i] = draws.nextGaussian();
        return orthonormal(columns);
    }

    /** Gram and Schmidt's, in place, twice: once leaves rounding. */
    private static double[][] orthonormal(double[][] columns) {
        for (int i = 0; i < columns.length; i++) {
            for (int pass = 0; pass < 2; pass++) {
                for (int j = 0; j < i; j++) {
                    double dot = dot(columns[i], columns[j]);
                    for (int c = 0; c < columns[i].length; c++) columns[i][c] -= dot * columns[j][c];
                }
                double norm = Math.sqrt(dot(columns[i], columns[i]));
                for (int c = 0; c < columns[i].length; c++) columns[i][c] /= norm;
            }
        }
        return columns;
    }

    private static double dot(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += a[i] * b[i];
        return sum;
    }

    /** The subspace whose interchange makes these tokens most probable on the training part. */
    private double[][] fit(double[][] start, int[] wanted) {
        double[][] columns = Arrays.stream(start).map(double[]::clone).toArray(double[][]::new);
        Adam adam = new Adam(columns.length * d, RATE);
        for (int epoch = 0; epoch < options.epochs(); epoch++) {
            steps.at("epochs", epoch, options.epochs());
            float[][] g = gradients(columns, wanted);
            double[] flat = new double[columns.length * d];
            double[] gradient = new double[flat.length];
            for (int j = 0; j < columns.length; j++) {
                System.arraycopy(columns[j], 0, flat, j * d, d);
                for (int i : train) { // of (change . b)(g . b), each in turn
                    double along = 0;
                    double slope = 0;
                    for (int c = 0; c < d; c++) along += change[i][c] * columns[j][c];
                    for (int c = 0; c < d; c++) slope += g[i][c] * columns[j][c];
                    for (int c = 0; c < d; c++) gradient[j * d + c] += along * g[i][c] + slope * change[i][c];
                }
            }
            adam.update(flat, gradient);
            for (int j = 0; j < columns.length; j++) System.arraycopy(flat, j * d, columns[j], 0, d);
            orthonormal(columns);
        }
        return columns;
    }

    /** The value after the interchange; null columns for the whole value. */
    private float[] mixed(int i, double[][] columns) {
        double[] moved = new double[d];
        if (columns == null) for (int c = 0; c < d; c++) moved[c] = change[i][c];
        for (double[] column : columns == null ? new double[0][] : columns) {
            double along = 0;
            for (int c = 0; c < d; c++) along += change[i][c] * column[c];
            for (int c = 0; c < d; c++) moved[c] += along * column[c];
        }
        float[] out = new float[d];
        for (int c = 0; c < d; c++) out[c] = (float) (base[i][c] + moved[c]);
        return out;
    }

    /** A batch of base prompts with their values mixed; its hooks are captured, or differentiated by. */
    private Batch batch(List<Integer> of, double[][] columns, HookId hook) {
        int n = bases.get(of.get(0)).length();
        int pos = Examples.position(options.pos(), n);
        float[] values = new float[of.size() * n * d];
        for (int r = 0; r < of.size(); r++)
            System.arraycopy(mixed(of.get(r), columns), 0, values, (r * n + pos) * d, d);
        Tensor given = Tensor.of(values, of.size(), n, d);
        List<Patch> patches = new ArrayList<>();
        if (starts != null) {
            float[] whole = new float[values.length];
            for (int r = 0; r < of.size(); r++) System.arraycopy(starts[of.get(r)], 0, whole, r * n * d, n * d);
            patches.add(Patch.whole(HookId.of(HookPoint.RESID_PRE, at.layer()), Tensor.of(whole, of.size(), n, d)));
        }
        patches.add(new Patch(at, given, null, List.of(pos), null));
        SessionRequest pass = new SessionRequest(
                n,
                new TreeSet<>(List.of(hook)),
                patches.stream().map(Patch::intervention).toList(),
                patches.stream().map(p -> Map.of(p.hook(), p.source())).toList(),
                true);
        return new Batch(Examples.ids(bases, of), pass, null);
    }

    /** The mean loss's gradient by each training example's mixed value, [example][d_model]; null for the others. */
    private float[][] gradients(double[][] columns, int[] wanted) {
        float[][] out = new float[base.length][];
        for (List<Integer> of : batches(train)) {
            float[][] streams = streams(of, columns);
            double[][] log = unembedded.logProbabilities(streams);
            float[][] slope = new float[of.size()][log[0].length];
            for (int r = 0; r < slope.length; r++) {
                for (int v = 0; v < slope[r].length; v++) slope[r][v] = (float) (Math.exp(log[r][v]) / train.size());
                slope[r][wanted[of.get(r)]] -= 1f / train.size();
            }
            float[][] last = unembedded.back(streams, slope);
            int n = bases.get(of.get(0)).length();
            int width = last[0].length;
            float[] cotangent = new float[of.size() * n * width];
            for (int r = 0; r < last.length; r++)
                System.arraycopy(last[r], 0, cotangent, (r * n + n - 1) * width, width);
            Tensor g = engine.pullback(batch(of, columns, at), end, Tensor.of(cotangent, of.size(), n, width))
                    .get(at);
            int pos = Examples.position(options.pos(), n);
            for (int r = 0; r < of.size(); r++) out[of.get(r)] = Examples.vector(g, r, pos);
        }
        return out;
    }

    /** The last stream at the last position of each, [row][d_model]. */
    private float[][] streams(List<Integer> of, double[][] columns) {
        return last(of, batch(of, columns, end));
    }

    private float[][] last(List<Integer> of, Batch batch) {
        float[][] streams = new float[of.size()][];
        engine.run(batch, (hook, value) -> {
            for (int r = 0; r < streams.length; r++) streams[r] = Examples.vector(value, r, (int) value.shape()[1] - 1);
        });
        return streams;
    }

    private List<List<Integer>> batches(List<Integer> of) {
        return Examples.batches(of.stream().map(bases::get).toList()).stream()
                .map(batch -> batch.stream().map(of::get).toList())
                .toList();
    }

    private Arm arm(String name, double[][] columns, int[] wanted) {
        double nll = 0;
        int[] hits = new int[2];
        for (List<Integer> part : List.of(train, held)) {
            for (List<Integer> of : batches(part)) {
                double[][] log = unembedded.logProbabilities(streams(of, columns));
                for (int r = 0; r < of.size(); r++) {
                    int answer = wanted[of.get(r)];
                    if (log[r][answer] >= Arrays.stream(log[r]).max().orElseThrow()) hits[part == train ? 0 : 1]++;
                    if (part == held) nll -= log[r][answer] / held.size();
                }
            }
        }
        return new Arm(name, (double) hits[0] / train.size(), (double) hits[1] / held.size(), nll);
    }
}
