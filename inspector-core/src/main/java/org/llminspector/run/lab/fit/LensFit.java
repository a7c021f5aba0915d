package org.llminspector.run.lab.fit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llminspector.analysis.LogitLens;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.StreamHooks;
import org.llminspector.run.inspect.Lens;
import org.llminspector.run.inspect.Lenses;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;

/** Lenses fitted on texts, and what they read in one run: the tuned lens, the Jacobian lens, and beside them the logit lens. */
public final class LensFit {

    /** How a stream is mapped to the last layer's. */
    public enum Kind {
        LOGIT,
        TUNED,
        JACOBIAN
    }

    /**
     * What is asked for.
     *
     * @param steps of Adam, for each layer of the tuned lens
     * @param skip positions at a text's beginning that are left out
     * @param top tokens of a cell
     */
    public record Options(Kind kind, int steps, int skip, int seed, int top) {}

    /**
     * A fitted lens, read in one run.
     *
     * @param texts that it was fitted on
     * @param positions of these texts
     * @param heldOut texts that it was not fitted on, over which the losses are
     * @param losses one per layer
     * @param rows of the run, a layer each, as the logit lens has them
     */
    public record Fitted(Kind kind, int texts, int positions, int heldOut, List<Loss> losses, List<Lens.Row> rows) {}

    /** Mean KL(final || lens) over held-out positions, nats: of the bare logit lens and of this one. */
    public record Loss(int layer, double logit, double fitted) {}

    /** A number that has to be another one, for the analysis's invariants. */
    public record Check(String name, double expected, double got, double within) {}

    private static final double RATE = 1e-3;

    private final Options options;
    private final Side run;
    private final SortedSet<HookId> hooks = new TreeSet<>();
    private final HookId end;
    private final Steps steps;
    private final Unembedded unembedded;
    private final List<Check> checks = new ArrayList<>();

    public LensFit(Options options, Side run, List<Integer> layers, Steps steps) {
        this.options = options;
        this.run = run;
        this.end = StreamHooks.end(run.spec());
        this.steps = steps;
        this.unembedded = new Unembedded(run.engine());
        for (int i = 0; i < run.spec().nLayers(); i++)
            if (layers == null || layers.contains(i)) hooks.add(HookId.of(HookPoint.RESID_POST, i));
        long bytes = (long) hooks.size() * run.spec().dModel() * run.spec().dModel() * Double.BYTES;
        if (bytes > 1L << 30) {
            throw Problem.tooLarge("the matrices of these layers do not fit")
                    .where("layers")
                    .expected("at most 1 GiB of matrices")
                    .found(hooks.size() + " layers of " + run.spec().dModel() + " by "
                            + run.spec().dModel())
                    .instead("name fewer layers");
        }
    }

    /** What was checked on this lens. */
    public List<Check> checks() {
        return checks;
    }

    /** @param texts at least two; the last fifth of them is held out */
    public Fitted fit(List<Side> texts) {
        int held = options.kind() == Kind.LOGIT ? texts.size() : Math.max(1, texts.size() / 5);
        List<Side> train = texts.subList(0, texts.size() - held);
        SortedMap<HookId, AffineLens> lenses = fitted(train);
        List<Loss> losses = losses(lenses, texts.subList(train.size(), texts.size()));
        int positions = train.stream().mapToInt(Side::length).sum();
        return new Fitted(options.kind(), train.size(), positions, held, losses, rows(lenses));
    }

    private SortedMap<HookId, AffineLens> fitted(List<Side> texts) {
        int d = run.spec().dModel();
        SortedMap<HookId, AffineLens> lenses = new TreeMap<>();
        SortedSet<HookId> before = new TreeSet<>(hooks);
        before.remove(end);
        if (hooks.contains(end)) lenses.put(end, AffineLens.identity(d));
        if (options.kind() == Kind.LOGIT) before.forEach(h -> lenses.put(h, AffineLens.identity(d)));
        if (options.kind() == Kind.JACOBIAN && !before.isEmpty()) {
            JacobianLens jacobian = new JacobianLens(before, d, options.skip());
            int of = texts.stream().mapToInt(jacobian::passes).sum();
            int done = 0;
            for (Side text : texts) {
                jacobian.add(text, steps, done, of);
                done += jacobian.passes(text);
                if (checks.isEmpty()) checks.add(slope(jacobian, before.first(), text));
            }
            before.forEach(h -> lenses.put(h, jacobian.lens(h)));
        }
        if (options.kind() == Kind.TUNED) {
            SortedSet<HookId> all = new TreeSet<>(before);
            all.add(end);
            Map<HookId, float[][]> streams = streams(texts, all);
            TunedLens tuned = new TunedLens(unembedded, options.steps(), RATE, options.seed());
            int[] done = {0};
            int of = before.size() * options.steps();
            for (HookId h : before)
                lenses.put(h, tuned.fit(streams.get(h), streams.get(end), () -> steps.at("steps", ++done[0], of)));
        }
        return lenses;
    }

    /** Every position's stream of all texts, [row][d_model]. */
    private Map<HookId, float[][]> streams(List<Side> texts, SortedSet<HookId> of) {
        SortedMap<HookId, List<float[]>> all = new TreeMap<>();
        of.forEach(h -> all.put(h, new ArrayList<>()));
        for (Side text : texts) {
            text.run(List.of(List.of()), of, (row, hook, value) -> {
                for (int p = options.skip(); p < value.shape()[1]; p++)
                    all.get(hook).add(Examples.vector(value, 0, p));
            });
        }
        SortedMap<HookId, float[][]> out = new TreeMap<>();
        all.forEach((h, rows) -> out.put(h, rows.toArray(float[][]::new)));
        return out;
    }

    private List<Loss> losses(SortedMap<HookId, AffineLens> lenses, List<Side> texts) {
        SortedSet<HookId> all = new TreeSet<>(hooks);
        all.add(end);
        Map<HookId, float[][]> streams = streams(texts, all);
        List<Loss> losses = new ArrayList<>();
        for (HookId h : hooks) {
            steps.at("losses", losses.size(), hooks.size());
            double logit = loss(streams.get(h), streams.get(end));
            double fitted =
                    options.kind() == Kind.LOGIT ? logit : loss(lenses.get(h).apply(streams.get(h)), streams.get(end));
            losses.add(new Loss(h.layer(), logit, fitted));
        }
        return losses;
    }

    private double loss(float[][] streams, float[][] last) {
        double sum = 0;
        int chunk = 64;
        for (int from = 0; from < streams.length; from += chunk) {
            int to = Math.min(streams.length, from + chunk);
            double[][] q = unembedded.logProbabilities(Arrays.copyOfRange(streams, from, to));
            double[][] p = unembedded.logProbabilities(Arrays.copyOfRange(last, from, to));
            for (int r = 0; r < q.length; r++)
                for (int v = 0; v < q[r].length; v++) sum += Math.exp(p[r][v]) * (p[r][v] - q[r][v]);
        }
        return Math.max(0, sum / streams.length);
    }

    /** What the lens reads in the run, layer by layer. */
    private List<Lens.Row> rows(SortedMap<HookId, AffineLens> lenses) {
        SortedSet<HookId> all = new TreeSet<>(hooks);
        all.add(end);
        run.values(all);
        List<Tensor> mapped = new ArrayList<>();
        for (HookId h : hooks) {
            float[][] rows = new float[run.length()][];
            for (int p = 0; p < rows.length; p++) rows[p] = Examples.vector(run.value(h), 0, p);
            mapped.add(Unembedded.tensor(lenses.get(h).apply(rows), 1, rows.length));
        }
        List<List<LogitLens.Cell>> cells =
                new LogitLens(run.engine(), options.top()).rows(mapped, run.value(end), 0, run.length());
        List<Lens.Row> rows = new ArrayList<>();
        for (HookId h : hooks) rows.add(Lenses.row(h, cells.get(rows.size()), run.folder()));
        return rows;
    }

    /**
     * The sum of a text's Jacobians along a direction, read off in another: the slope of the final streams, summed over positions,
     * as the direction is added at every source position. Of fourth order, at the step where it is closest.
     */
    private Check slope(JacobianLens jacobian, HookId hook, Side text) {
        int d = text.spec().dModel();
        Random draws = new Random(options.seed());
        double[] along = draws.doubles(d, -1, 1).toArray();
        double[] read = draws.doubles(d, -1, 1).toArray();
        double estimate = 0;
        double[] sum = jacobian.sum(hook);
        for (int r = 0; r < d; r++) for (int c = 0; c < d; c++) estimate += read[r] * sum[r * d + c] * along[c];
        Tensor whole = text.value(hook);
        float[] from = whole.toFloats();
        double[] sizes = {1e-3, 3e-3, 1e-2, 3e-2};
        List<List<Patch>> rows = new ArrayList<>();
        for (double size : sizes) {
            for (int times : new int[] {-2, -1, 1, 2}) {
                float[] moved = from.clone();
                for (int p = options.skip(); p < text.length() - 1; p++)
                    for (int c = 0; c < d; c++) moved[p * d + c] += (float) (times * size * along[c]);
                rows.add(List.of(Patch.whole(hook, Tensor.of(moved, whole.shape()))));
            }
        }
        double[] m = new double[rows.size()];
        text.run(rows, new TreeSet<>(List.of(end)), (row, h, value) -> {
            float[] v = value.toFloats(); // [1, pos, d_model]
            for (int i = 0; i < v.length; i++) m[row] += read[i % d] * v[i];
        });
        double closest = Double.NaN;
        for (int i = 0; i < sizes.length; i++) {
            double slope = (m[4 * i] - 8 * m[4 * i + 1] + 8 * m[4 * i + 2] - m[4 * i + 3]) / (12 * sizes[i]);
            if (!(Math.abs(slope - estimate) >= Math.abs(closest - estimate))) closest = slope;
        }
        return new Check(
                String.format(Locale.ROOT, "the final streams' slope along a change of %s: the Jacobians' sum", hook),
                estimate,
                closest,
                0.02 * Math.abs(estimate) + 1e-3 * Math.sqrt(d * (double) text.length()));
    }
}
