package org.llminspector.run.lab.fit;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.hook.HookId;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;

/**
 * Sparse linear probes (Gurnee et al. 2023): whether a few coordinates of a hooked value tell two labels apart. The coordinates are those
 * whose class means differ most on the training part; groups are held out whole; random coordinates and shuffled labels are the controls.
 */
public final class Probing {

    /** Draws of each control. */
    private static final int DRAWS = 5;

    private static final int FOLDS = 5;

    /**
     * A probe of one hook, fitted on all examples.
     *
     * @param coordinates of the value's last axis, the one whose class means differ most first
     * @param weights one per coordinate; positive speaks for the second label
     * @param accuracy balanced, on held-out groups: the mean of the two labels' hit rates
     * @param error its standard error, over held-out examples
     * @param random the same with as many coordinates by chance, mean of five draws
     * @param shuffled the same with the labels dealt anew, mean of five draws
     */
    public record Probe(
            String hook,
            int layer,
            List<Integer> coordinates,
            List<Double> weights,
            double intercept,
            double accuracy,
            double error,
            double random,
            double shuffled) {}

    /**
     * Probes of every hook that was asked for.
     *
     * @param labels the first and the second
     * @param counts examples of each
     * @param folds in which groups were held out
     */
    public record Probes(
            int pos, List<String> labels, List<Integer> counts, int groups, int folds, List<Probe> probes) {}

    /** @param group examples of one are held out together */
    public record Example(Side side, String label, String group) {}

    private final int coordinates;
    private final double c;
    private final int seed;
    private final boolean[] second;
    private final int[] fold; // of each example
    private final int folds;

    private Probing(int coordinates, double c, int seed, boolean[] second, int[] fold, int folds) {
        this.coordinates = coordinates;
        this.c = c;
        this.seed = seed;
        this.second = second;
        this.fold = fold;
        this.folds = folds;
    }

    /**
     * @param coordinates how many a probe reads
     * @param c inverse strength of the L2 penalty, as scikit-learn's
     * @param checks gets what was checked on each probe
     */
    public static Probes run(
            List<Example> examples,
            SortedSet<HookId> hooks,
            int pos,
            int coordinates,
            double c,
            int seed,
            Steps steps,
            List<LensFit.Check> checks) {
        List<String> labels = new ArrayList<>(
                new TreeSet<>(examples.stream().map(Example::label).toList()));
        if (labels.size() != 2) {
            throw Problem.invalid("a probe tells two labels apart")
                    .where("examples")
                    .expected("two labels")
                    .found(labels);
        }
        boolean[] second = new boolean[examples.size()];
        for (int i = 0; i < second.length; i++)
            second[i] = examples.get(i).label().equals(labels.get(1));
        Map<String, Integer> groups = new LinkedHashMap<>();
        for (Example e : examples) groups.putIfAbsent(e.group(), groups.size());
        int folds = Math.min(FOLDS, groups.size());
        int[] fold =
                examples.stream().mapToInt(e -> groups.get(e.group()) % folds).toArray();
        for (int f = 0; f < folds; f++) {
            for (boolean label : new boolean[] {false, true}) {
                int held = f;
                boolean there = IntStream.range(0, fold.length).anyMatch(i -> fold[i] != held && second[i] == label);
                if (folds > 1 && there) continue;
                throw Problem.invalid("a label has no examples to learn from once a group is held out")
                        .where("examples")
                        .expected("both labels in at least two groups")
                        .found(groups.size() + " groups");
            }
        }
        Probing probing = new Probing(coordinates, c, seed, second, fold, folds);
        Map<HookId, float[][]> values =
                Examples.values(examples.stream().map(Example::side).toList(), hooks, pos, steps);
        List<Probe> probes = new ArrayList<>();
        for (HookId hook : hooks) {
            steps.at("probes", probes.size(), hooks.size());
            probes.add(probing.probe(hook, values.get(hook), checks));
        }
        int ones =
                (int) IntStream.range(0, second.length).filter(i -> second[i]).count();
        return new Probes(pos, labels, List.of(second.length - ones, ones), groups.size(), folds, probes);
    }

    private Probe probe(HookId hook, float[][] x, List<LensFit.Check> checks) {
        int width = x[0].length;
        if (coordinates > width) {
            throw Problem.invalid("a probe cannot read more coordinates than there are")
                    .where("rank")
                    .expected("1 to " + width)
                    .found(coordinates);
        }
        int[] all = IntStream.range(0, x.length).toArray();
        int[] best = best(x, all, second);
        LogisticRegression.Fit fit = fit(x, all, best, second);
        checks.add(optimum(hook, x, best, fit));
        double accuracy = heldOut(x, second, null);
        Random draws = new Random(seed);
        double random = 0;
        double shuffled = 0;
        for (int d = 0; d < DRAWS; d++) {
            List<Integer> order =
                    new ArrayList<>(IntStream.range(0, width).boxed().toList());
            Collections.shuffle(order, draws);
            int[] chosen = order.stream().limit(coordinates).mapToInt(i -> i).toArray();
            random += heldOut(x, second, chosen) / DRAWS;
            shuffled += heldOut(x, dealt(draws), null) / DRAWS;
        }
        return new Probe(
                hook.name(),
                hook.layer(),
                Arrays.stream(best).boxed().toList(),
                Arrays.stream(fit.weights()).boxed().toList(),
                fit.intercept(),
                accuracy,
                error(accuracy),
                random,
                shuffled);
    }

    /** The loss is convex: where it is least, it has no slope. */
    private LensFit.Check optimum(HookId hook, float[][] x, int[] chosen, LogisticRegression.Fit fit) {
        double[][] features = Arrays.stream(x).map(row -> picked(row, chosen)).toArray(double[][]::new);
        double start =
                LogisticRegression.slope(features, second, c, new LogisticRegression.Fit(new double[coordinates], 0));
        return new LensFit.Check(
                "the loss's steepest slope at the probe of " + hook + ": none, of " + start + " at weights of zero",
                0,
                LogisticRegression.slope(features, second, c, fit),
                1e-6 * (1 + start));
    }

    /** Of the mean of two hit rates, as of one rate over all examples. */
    private double error(double accuracy) {
        return Math.sqrt(accuracy * (1 - accuracy) / second.length);
    }

    private boolean[] dealt(Random draws) {
        List<Integer> order =
                new ArrayList<>(IntStream.range(0, second.length).boxed().toList());
        Collections.shuffle(order, draws);
        boolean[] out = new boolean[second.length];
        for (int i = 0; i < out.length; i++) out[i] = second[order.get(i)];
        return out;
    }

    /** The coordinates whose class means differ most over these rows. */
    private int[] best(float[][] x, int[] rows, boolean[] labels) {
        int width = x[0].length;
        double[] difference = new double[width];
        int[] counts = new int[2];
        for (int r : rows) counts[labels[r] ? 1 : 0]++;
        for (int r : rows) {
            double by = labels[r] ? 1.0 / counts[1] : -1.0 / counts[0];
            for (int i = 0; i < width; i++) difference[i] += by * x[r][i];
        }
        return IntStream.range(0, width)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -Math.abs(difference[i])))
                .limit(coordinates)
                .mapToInt(i -> i)
                .toArray();
    }

    private LogisticRegression.Fit fit(float[][] x, int[] rows, int[] chosen, boolean[] labels) {
        double[][] features = new double[rows.length][];
        boolean[] y = new boolean[rows.length];
        for (int r = 0; r < rows.length; r++) {
            features[r] = picked(x[rows[r]], chosen);
            y[r] = labels[rows[r]];
        }
        return LogisticRegression.fit(features, y, c);
    }

    private static double[] picked(float[] x, int[] chosen) {
        return IntStream.of(chosen).mapToDouble(i -> x[i]).toArray();
    }

    /**
     * The balanced accuracy on held-out groups.
     *
     * @param chosen coordinates; null for the training part's best
     */
    private double heldOut(float[][] x, boolean[] labels, int[] chosen) {
        int[] hits = new int[2];
        int[] counts = new int[2];
        for (int f = 0; f < folds; f++) {
            int held = f;
            int[] train =
                    IntStream.range(0, x.length).filter(i -> fold[i] != held).toArray();
            if (IntStream.of(train).mapToObj(i -> labels[i]).distinct().count() < 2) continue; // dealt labels alone
            int[] of = chosen == null ? best(x, train, labels) : chosen;
            LogisticRegression.Fit fit = fit(x, train, of, labels);
            for (int i = 0; i < x.length; i++) {
                if (fold[i] != held) continue;
                int label = labels[i] ? 1 : 0;
                counts[label]++;
                if (fit.score(picked(x[i], of)) > 0 == labels[i]) hits[label]++;
            }
        }
        double sum = 0;
        int seen = 0;
        for (int label = 0; label < 2; label++) {
            if (counts[label] == 0) continue;
            sum += (double) hits[label] / counts[label];
            seen++;
        }
        return seen == 0 ? 0 : sum / seen;
    }
}
