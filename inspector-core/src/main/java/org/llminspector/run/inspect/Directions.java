package org.llminspector.run.inspect;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;

/** Directions at a hook that tell two groups of texts apart: the difference of their means. Thread-safe. */
public final class Directions {

    /**
     * The mean of the positive texts' vectors less that of the negative ones'.
     *
     * @param values [width], as an intervention's values
     * @param norm of the difference
     * @param meanNorm of the vectors, the scale against which the difference is large or small
     * @param positive each text's component along the direction, in order
     */
    public record Direction(
            String model,
            String hook,
            int pos,
            List<Float> values,
            double norm,
            double meanNorm,
            List<Double> positive,
            List<Double> negative) {}

    private static final int MOST_TEXTS = 256;
    /** Tokens of one batch. */
    private static final int BATCH_TOKENS = 4096;

    /** Shares of a vector's norm that float32 and batches of other rows may leave of equal means. */
    private static final double ROUNDING = 1e-5;

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;

    public Directions(OpenModels models, RunStore store, RunQueue queue, CaptureBudget budget) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
    }

    /**
     * Reads every text once, rows of equal length together; no run is kept.
     *
     * @param how model, engine, device and precision
     * @param positive requests of which only the text or tokens count
     * @param hook of one vector a position, such as blocks.3.hook_resid_post
     * @param pos of each text, negative from its end
     * @throws Problem as for a run; INVALID for an empty group, another kind of hook, and groups with the same mean
     */
    public Direction differenceOfMeans(
            RunRequest how, List<RunRequest> positive, List<RunRequest> negative, String hook, int pos) {
        ModelFolder folder = models.folder(how.model());
        List<PreparedRun> rows = new ArrayList<>(prepared(how, folder, positive, "positive", hook, pos));
        rows.addAll(prepared(how, folder, negative, "negative", hook, pos));
        HookId id = vector(rows.get(0).hooks());
        RunRequest r = rows.get(0).request();
        float[][] vectors;
        try (RunQueue.Place place = queue.enter("direction", folder.slug());
                OpenModels.Lease lease = models.lease(folder, r.engine(), r.device(), r.plan(), place::cancelled)) {
            vectors = place.call(() -> read(models.engine(folder, r), rows, id, pos));
        }
        double[] mean = new double[vectors[0].length];
        double norms = 0;
        for (int i = 0; i < vectors.length; i++) {
            double share = i < positive.size() ? 1.0 / positive.size() : -1.0 / negative.size();
            for (int d = 0; d < mean.length; d++) mean[d] += share * vectors[i][d];
            norms += norm(vectors[i]) / vectors.length;
        }
        List<Float> values = new ArrayList<>(mean.length);
        float[] difference = new float[mean.length];
        for (int d = 0; d < mean.length; d++) {
            difference[d] = (float) mean[d];
            values.add(difference[d]);
        }
        double length = norm(difference);
        if (!Double.isFinite(length) || length <= ROUNDING * norms) {
            throw Problem.invalid("the two groups have no difference of means")
                    .where("positive, negative")
                    .expected("texts whose vectors differ at position " + pos + " of " + id)
                    .found(Double.isFinite(length) ? "equal means" : "a value that is not finite");
        }
        List<Double> along = new ArrayList<>();
        for (float[] v : vectors) {
            double sum = 0;
            for (int d = 0; d < v.length; d++) sum += (double) v[d] * difference[d] / length;
            along.add(sum);
        }
        return new Direction(
                folder.slug(),
                id.name(),
                pos,
                values,
                length,
                norms,
                along.subList(0, positive.size()),
                along.subList(positive.size(), along.size()));
    }

    private List<PreparedRun> prepared(
            RunRequest how, ModelFolder folder, List<RunRequest> group, String name, String hook, int pos) {
        if (group.isEmpty() || group.size() > MOST_TEXTS) {
            throw Problem.invalid("the group has no texts, or too many")
                    .where(name)
                    .expected("1 to " + MOST_TEXTS + " texts")
                    .found(group.size());
        }
        List<PreparedRun> rows = new ArrayList<>();
        for (int i = 0; i < group.size(); i++) {
            RunRequest text = group.get(i);
            RunRequest row = how.toBuilder()
                    .prompt(text.prompt())
                    .tokens(text.tokens())
                    .capture(List.of(hook))
                    .build();
            try {
                PreparedRun run = PreparedRun.of(row, folder, budget, store);
                Slice.at(pos).on(run.tokens().size(), "pos");
                rows.add(run);
            } catch (Problem p) {
                throw p.where(name + "[" + i + "]" + (p.where() == null ? "" : ": " + p.where()));
            }
        }
        return rows;
    }

    private static HookId vector(SortedSet<HookId> hooks) {
        HookId id = hooks.first();
        boolean vector =
                id.point().axes().size() == 3 && id.point().axes().get(2).coordinates();
        if (hooks.size() == 1 && vector) return id;
        throw Problem.invalid("a direction is of one hook that has one vector at a position")
                .where("hook")
                .expected("such as blocks.0.hook_resid_post")
                .found(hooks.size() == 1 ? id.name() : hooks.size() + " hooks");
    }

    /** Each row's vector, in the rows' order. */
    private static float[][] read(InspectorEngine engine, List<PreparedRun> rows, HookId hook, int pos) {
        Map<Integer, List<Integer>> byLength = new TreeMap<>();
        for (int i = 0; i < rows.size(); i++) {
            byLength.computeIfAbsent(rows.get(i).tokens().size(), n -> new ArrayList<>())
                    .add(i);
        }
        float[][] vectors = new float[rows.size()][];
        byLength.forEach((length, all) -> {
            int most = Math.max(1, BATCH_TOKENS / length);
            for (int from = 0; from < all.size(); from += most) {
                List<Integer> part = all.subList(from, Math.min(all.size(), from + most));
                int[][] ids = part.stream().map(i -> rows.get(i).ids()).toArray(int[][]::new);
                SessionRequest request =
                        new SessionRequest(length, new TreeSet<>(List.of(hook)), List.of(), List.of(), true);
                int at = Slice.at(pos).on(length, "pos")[0];
                engine.run(new Batch(ids, request, null), (id, value) -> {
                    for (int r = 0; r < ids.length; r++) vectors[part.get(r)] = row(value, r, at);
                });
            }
        });
        return vectors;
    }

    /** @param value [batch, pos, width] */
    private static float[] row(Tensor value, int row, int pos) {
        long[] shape = value.shape();
        float[] out = new float[(int) shape[2]];
        value.toFloats((row * shape[1] + pos) * shape[2], out, out.length);
        return out;
    }

    private static double norm(float[] v) {
        double squares = 0;
        for (float x : v) squares += (double) x * x;
        return Math.sqrt(squares);
    }
}
