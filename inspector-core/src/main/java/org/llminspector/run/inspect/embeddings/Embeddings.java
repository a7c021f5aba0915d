package org.llminspector.run.inspect.embeddings;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llminspector.analysis.Fourier;
import org.llminspector.analysis.Pca;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.TableFacts;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.train.Trainer;

/**
 * Queries on the embedding and unembedding matrices: rows near a vector, PCA projections, norms, Fourier components.
 * Rows stay in their files. Thread-safe.
 */
public final class Embeddings {

    private static final int MOST_POINTS = 500;
    private static final int DIRECTIONS = 3;
    private static final int MOST_PERIOD = 1_000;

    /** Which of the two matrices. */
    public enum Table {
        EMBED,
        /** The same as EMBED where they are tied. */
        UNEMBED
    }

    /** Similarity measure. */
    public enum Metric {
        /** The cosine of the angle between two vectors. */
        COSINE,
        /** The dot product. */
        DOT
    }

    /**
     * A captured value of a run at one position, of width d_model.
     *
     * @param hook {@code blocks.3.hook_resid_post}
     * @param pos negative from the end
     */
    public record Captured(String run, String hook, Integer pos) {}

    /**
     * Query vector: a sum of rows minus other rows, or a captured vector.
     *
     * @param plus token ids whose rows are added; may be null with {@code vector}
     * @param minus token ids whose rows are subtracted, or null
     */
    public record Of(List<Integer> plus, List<Integer> minus, Captured vector) {}

    /**
     * Rows nearest to a vector.
     *
     * @param tied whether embedding and unembedding are tied
     * @param norm of the vector
     * @param leftOut ids in the query itself, which are not listed
     * @param ms duration
     */
    public record Neighbours(
            String model,
            Table table,
            boolean tied,
            Metric metric,
            int rows,
            double norm,
            List<Integer> leftOut,
            double ms,
            List<Neighbour> neighbours) {}

    /**
     * @param score by the metric
     * @param norm of the row
     */
    public record Neighbour(int id, String text, double score, double norm) {}

    /**
     * PCA projection of rows to at most three directions.
     *
     * @param shares of the rows' variance along each direction, the largest first
     * @param vectors captured vectors projected to the same directions; they are not part of the PCA
     */
    public record Map(String model, Table table, List<Double> shares, List<Point> points, List<Place> vectors) {}

    /** @param at coordinates, one per direction */
    public record Point(int id, String text, double norm, List<Double> at) {}

    /**
     * @param at coordinates, one per direction
     * @param cosine to the vector before it in the request; null for the first
     */
    public record Place(Captured vector, double norm, List<Double> at, Double cosine) {}

    /**
     * Norms of all rows.
     *
     * @param counts histogram of equal bins from min to max
     * @param longest and shortest rows
     */
    public record Norms(
            String model,
            Table table,
            int rows,
            double min,
            double max,
            double mean,
            List<Integer> counts,
            List<Neighbour> longest,
            List<Neighbour> shortest) {}

    /**
     * Fourier components of a table's first rows (the numbers of a modular-addition model): the share of variance at
     * each frequency.
     *
     * @param period rows, the numbers 0 to period - 1
     * @param waves by frequency, from 1 to period / 2
     */
    public record Waves(String model, Table table, int period, List<Wave> waves) {}

    /**
     * @param frequency: cycles over the numbers 0 to period - 1
     * @param share of the rows' variance
     * @param at the rows' coordinates in the plane of this frequency, two per row; null but for the strongest waves
     */
    public record Wave(int turns, double share, List<List<Double>> at) {}

    private final OpenModels models;
    private final RunStore store;
    private final Recaptures recaptures;
    private final TableFacts facts;

    public Embeddings(OpenModels models, RunStore store, Recaptures recaptures, TableFacts facts) {
        this.models = models;
        this.store = store;
        this.recaptures = recaptures;
        this.facts = facts;
    }

    /**
     * The rows nearest to a vector, the nearest first.
     *
     * @throws Problem NOT_FOUND where there is no such model or run; INVALID for a row, a position or a hook that it
     *     does not have, or a vector of another width; UNSUPPORTED for an exported graph, whose weights are not known
     */
    public Neighbours neighbours(String slug, Table table, Of of, Metric metric, int top) {
        long from = System.nanoTime();
        ModelFolder folder = models.folder(slug);
        Weights weights = folder.weights();
        String name = name(weights, table);
        TreeSet<Integer> out = new TreeSet<>();
        float[] vector = vector(folder, name, of, out);
        double norm = Vectors.norm(vector);
        float[] scores = RowScan.dots(weights, name, vector);
        float[] norms = facts.rowNorms(folder, name);
        if (metric == Metric.COSINE) {
            for (int i = 0; i < scores.length; i++) {
                double both = norms[i] * norm;
                scores[i] = both == 0 ? 0 : (float) (scores[i] / both);
            }
        }
        List<Neighbour> near = neighbours(RowScan.highest(scores, top, row -> !out.contains(row)), norms, folder);
        return new Neighbours(
                slug,
                table,
                weights.spec().tied(),
                metric,
                scores.length,
                norm,
                List.copyOf(out),
                (System.nanoTime() - from) / 1e6,
                near);
    }

    private static List<Neighbour> neighbours(List<RowScan.Scored> scored, float[] norms, ModelFolder folder) {
        return scored.stream()
                .map(s -> new Neighbour(s.row(), folder.token(s.row()).text(), s.score(), norms[s.row()]))
                .toList();
    }

    private float[] vector(ModelFolder folder, String name, Of of, Set<Integer> out) {
        boolean rows = of != null && of.plus() != null && !of.plus().isEmpty();
        if (of == null || rows == (of.vector() != null)) {
            throw Problem.invalid("neighbours are those of rows or of a captured vector")
                    .where("of")
                    .expected("plus (and minus), or vector")
                    .found(rows ? "both" : "neither");
        }
        if (of.vector() != null) return captured(folder, of.vector());
        float[] sum = new float[folder.spec().tableWidth()];
        add(folder, name, of.plus(), 1, sum, "of.plus", out);
        if (of.minus() != null) add(folder, name, of.minus(), -1, sum, "of.minus", out);
        return sum;
    }

    private static void add(
            ModelFolder folder, String name, List<Integer> ids, int sign, float[] sum, String field, Set<Integer> out) {
        for (int i = 0; i < ids.size(); i++) {
            int id = row(folder, ids.get(i), field + "[" + i + "]");
            float[] row = folder.weights().row(name, id);
            for (int j = 0; j < sum.length; j++) sum[j] += sign * row[j];
            out.add(id);
        }
    }

    private float[] captured(ModelFolder folder, Captured c) {
        if (c.run() == null || c.hook() == null) {
            throw Problem.invalid("a field is missing").where(c.run() == null ? "vector.run" : "vector.hook");
        }
        RunManifest run = store.manifest(c.run());
        if (!run.model().slug().equals(folder.slug())) {
            throw Problem.invalid("the run is another model's")
                    .where("vector.run")
                    .expected("a run of " + folder.slug())
                    .found(run.model().slug());
        }
        if (folder.spec().dEmbed() != null) {
            throw Problem.unsupported(
                            "the table's rows are not as wide as the stream: a projection stands between them")
                    .where("vector")
                    .expected("rows of " + folder.spec().dModel() + " numbers")
                    .found(folder.spec().dEmbed());
        }
        HookId hook = HookId.parse(c.hook());
        if (!hook.point().axes().equals(HookPoint.RESID_POST.axes())) {
            throw Problem.invalid("the hook's values are not as wide as the residual stream")
                    .where("vector.hook")
                    .expected("hook_embed, blocks.{i}.hook_resid_post and the like")
                    .found(hook.name());
        }
        return RunValues.of(c.run(), c.pos(), List.of(hook), store, recaptures).at(hook);
    }

    /**
     * Projects rows to their first three principal components (PCA), and captured vectors to the same directions.
     *
     * @param ids 2 to 500 of them
     * @param vectors may be empty
     * @throws Problem as {@link #neighbours}; INVALID for fewer than 2 or more than 500 rows
     */
    public Map map(String slug, Table table, List<Integer> ids, List<Captured> vectors) {
        ModelFolder folder = models.folder(slug);
        String name = name(folder.weights(), table);
        if (ids == null || ids.size() < 2 || ids.size() > MOST_POINTS) {
            throw Problem.invalid("a map is of some rows")
                    .where("ids")
                    .expected("2 to " + MOST_POINTS)
                    .found(ids == null ? "none" : ids.size());
        }
        if (vectors.size() > MOST_POINTS) {
            throw Problem.invalid("too many vectors for one map")
                    .where("vectors")
                    .expected("at most " + MOST_POINTS)
                    .found(vectors.size());
        }
        float[][] rows = new float[ids.size()][];
        for (int i = 0; i < rows.length; i++) {
            int id = row(folder, ids.get(i), "ids[" + i + "]");
            rows[i] = folder.weights().row(name, id);
        }
        Pca pca = Pca.of(rows, DIRECTIONS);
        List<Point> points = new ArrayList<>();
        for (int i = 0; i < rows.length; i++) {
            int id = ids.get(i);
            points.add(new Point(id, folder.token(id).text(), Vectors.norm(rows[i]), list(pca.place(rows[i]))));
        }
        List<Place> places = new ArrayList<>();
        float[] before = null;
        for (Captured c : vectors) {
            float[] v = captured(folder, c);
            places.add(new Place(
                    c, Vectors.norm(v), list(pca.place(v)), before == null ? null : Vectors.cosine(before, v)));
            before = v;
        }
        return new Map(slug, table, list(pca.shares()), points, places);
    }

    /**
     * Histogram of the rows' norms, and the longest and shortest rows.
     *
     * @param bins of the histogram
     * @throws Problem NOT_FOUND where there is no such model; UNSUPPORTED for an exported graph, whose weights are not
     *     known
     */
    public Norms norms(String slug, Table table, int bins, int top) {
        ModelFolder folder = models.folder(slug);
        float[] norms = facts.rowNorms(folder, name(folder.weights(), table));
        double min = Double.POSITIVE_INFINITY;
        double max = 0;
        double sum = 0;
        for (float n : norms) {
            min = Math.min(min, n);
            max = Math.max(max, n);
            sum += n;
        }
        int[] counts = new int[bins];
        float[] shortest = new float[norms.length];
        for (int i = 0; i < norms.length; i++) {
            shortest[i] = -norms[i];
            int bin = max == min ? 0 : (int) ((norms[i] - min) / (max - min) * bins);
            counts[Math.min(bin, bins - 1)]++;
        }
        List<Integer> sizes = new ArrayList<>();
        for (int c : counts) sizes.add(c);
        return new Norms(
                slug,
                table,
                norms.length,
                min,
                max,
                sum / norms.length,
                sizes,
                neighbours(RowScan.highest(norms, top, row -> true), norms, folder),
                RowScan.highest(shortest, top, row -> true).stream()
                        .map(s -> new Neighbour(s.row(), folder.token(s.row()).text(), norms[s.row()], norms[s.row()]))
                        .toList());
    }

    /**
     * Share of the first rows' variance at each frequency (Nanda et al. 2023).
     *
     * @param period how many rows; null for the modulus of the training recipe
     * @param planes how many of the strongest waves get the rows' coordinates
     * @throws Problem INVALID where no period is known, or it is not from 3 to 1,000 rows
     */
    public Waves waves(String slug, Table table, Integer period, int planes) {
        ModelFolder folder = models.folder(slug);
        int p = period == null ? modulus(folder) : period;
        int most = Math.min(MOST_PERIOD, folder.spec().vocab());
        if (p < 3 || p > most) {
            throw Problem.invalid("this many numbers make no clock of this table")
                    .where("period")
                    .expected("3 to " + most)
                    .found(p);
        }
        String name = name(folder.weights(), table);
        float[][] rows = new float[p][];
        for (int n = 0; n < p; n++) rows[n] = folder.weights().row(name, n);
        Fourier fourier = Fourier.of(rows);
        double[] shares = fourier.shares();
        Set<Integer> strongest = IntStream.range(0, shares.length)
                .boxed()
                .sorted(Comparator.comparing(k -> -shares[k]))
                .limit(planes)
                .collect(Collectors.toSet());
        List<Wave> waves = new ArrayList<>();
        for (int k = 0; k < shares.length; k++) {
            List<List<Double>> at = null;
            if (strongest.contains(k)) {
                at = Arrays.stream(fourier.plane(k + 1)).map(Embeddings::list).toList();
            }
            waves.add(new Wave(k + 1, shares[k], at));
        }
        return new Waves(slug, table, p, waves);
    }

    private static int modulus(ModelFolder folder) {
        Path trained = folder.found().trainingDir();
        Integer modulus = Trainer.isIn(trained) ? Trainer.recipe(trained).modulus() : null;
        if (modulus != null) return modulus;
        throw Problem.invalid("the model was not taught to add on a clock, as far as its files say")
                .where("period")
                .expected("how many of the table's first rows are numbers")
                .found("nothing");
    }

    private static String name(Weights weights, Table table) {
        return table == Table.UNEMBED && !weights.spec().tied() ? "unembed.weight" : "embed.weight";
    }

    private static int row(ModelFolder folder, Integer id, String field) {
        if (id != null && id >= 0 && id < folder.spec().vocab()) return id;
        throw Problem.invalid("the token is outside the model's vocabulary")
                .where(field)
                .expected("0 to " + (folder.spec().vocab() - 1))
                .found(id);
    }

    private static List<Double> list(double[] values) {
        List<Double> list = new ArrayList<>();
        for (double v : values) list.add(v);
        return list;
    }
}
