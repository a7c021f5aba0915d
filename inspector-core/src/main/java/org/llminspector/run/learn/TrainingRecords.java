package org.llminspector.run.learn;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.local.ModelCache;
import org.llminspector.train.LossCurve;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/** Training records in models' folders: loss.csv, checkpoints/ and recipes/. */
public final class TrainingRecords {

    /**
     * Training curve as columns, one entry per update; null where nothing was measured.
     *
     * @param model its slug
     * @param loss of the update's tokens, nats
     * @param valLoss of held-out examples, nats
     * @param midtraining updates after which each stage but the first begins
     */
    public record Curve(
            String model,
            List<Integer> midtraining,
            List<Long> step,
            List<Long> tokens,
            List<Double> lr,
            List<Double> loss,
            List<Double> valLoss,
            List<Double> gradNorm,
            List<Double> accuracy,
            List<Double> valAccuracy) {

        static Curve of(String model, Path folder, List<LossCurve.Row> rows) {
            return new Curve(
                    model,
                    stages(folder),
                    column(rows, LossCurve.Row::step),
                    column(rows, LossCurve.Row::tokens),
                    column(rows, LossCurve.Row::lr),
                    column(rows, LossCurve.Row::loss),
                    column(rows, LossCurve.Row::valLoss),
                    column(rows, LossCurve.Row::gradNorm),
                    column(rows, LossCurve.Row::accuracy),
                    column(rows, LossCurve.Row::valAccuracy));
        }

        /** From the recipe; a folder trained elsewhere may have a different file of that name. */
        private static List<Integer> stages(Path folder) {
            try {
                if (!Trainer.isIn(folder)) return List.of();
                return Trainer.recipe(folder).midtraining().stream()
                        .map(Recipe.Midtraining::from)
                        .toList();
            } catch (Problem | IllegalArgumentException e) {
                return List.of();
            }
        }

        private static <T> List<T> column(List<LossCurve.Row> rows, Function<LossCurve.Row, T> cell) {
            return rows.stream().map(cell).collect(Collectors.toList()); // may contain nulls
        }
    }

    /** Saved checkpoints of a model, the earliest first. */
    public record Checkpoints(String model, List<KeptState> checkpoints) {}

    /**
     * A checkpoint, which opens as a model.
     *
     * @param slug its name in requests, MODEL@STEP
     * @param tokens predicted so far, or null when the curve lacks it
     * @param loss of its last update
     * @param valLoss of held-out examples at this step, or null when not measured
     */
    public record KeptState(String slug, long step, Long tokens, Double loss, Double valLoss) {}

    private final ModelCache cache;
    private final List<Path> roots;

    /** @param roots folders of models, which may have recipes next to them */
    public TrainingRecords(ModelCache cache, List<Path> roots) {
        this.cache = cache;
        this.roots = roots;
    }

    /** The recipes that ship with the models: recipes/*.yaml of every model root. */
    public List<Path> recipes() {
        List<Path> files = new ArrayList<>();
        for (Path root : roots) {
            Path folder = root.resolve("recipes");
            if (!Files.isDirectory(folder)) continue;
            try (Stream<Path> children = Files.list(folder)) {
                children.filter(p -> p.toString().endsWith(".yaml")).sorted().forEach(files::add);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return files;
    }

    /** A model's training curve, update by update; a model without one is a Problem. */
    public Curve curve(String slug) {
        ModelCache.Found model = cache.find(slug);
        return Curve.of(model.slug(), model.trainingDir(), LossCurve.read(model.trainingDir()));
    }

    /**
     * The same with fewer rows: every validation, every checkpoint, and at most {@code points} others, evenly spaced on
     * a logarithmic axis.
     */
    public Curve curve(String slug, int points) {
        ModelCache.Found model = cache.find(slug);
        Set<Long> kept = ModelCache.checkpoints(model).stream()
                .map(ModelCache.Found::step)
                .collect(Collectors.toSet());
        return Curve.of(model.slug(), model.trainingDir(), thinned(LossCurve.read(model.trainingDir()), kept, points));
    }

    static List<LossCurve.Row> thinned(List<LossCurve.Row> rows, Set<Long> kept, int points) {
        long last = rows.isEmpty() ? 0 : rows.get(rows.size() - 1).step();
        Set<Long> steps = new HashSet<>(kept);
        steps.add(last);
        for (int i = 0; i < points; i++)
            steps.add(Math.round(Math.pow((double) last, (double) i / Math.max(1, points - 1))));
        return rows.stream()
                .filter(r -> r.valLoss() != null || steps.contains(r.step()))
                .toList();
    }

    /** The saved checkpoints of a model; each opens as a model. */
    public Checkpoints checkpoints(String slug) {
        ModelCache.Found model = cache.find(slug);
        List<ModelCache.Found> kept = ModelCache.checkpoints(model);
        Map<Long, LossCurve.Row> rows = !LossCurve.isIn(model.dir())
                ? Map.of()
                : LossCurve.read(model.dir()).stream()
                        .collect(Collectors.toMap(LossCurve.Row::step, r -> r, (first, again) -> again));
        return new Checkpoints(
                model.slug(),
                kept.stream().map(k -> state(k, rows.get(k.step()))).toList());
    }

    private static KeptState state(ModelCache.Found kept, LossCurve.Row row) {
        return row == null
                ? new KeptState(kept.slug(), kept.step(), null, null, null)
                : new KeptState(kept.slug(), kept.step(), row.tokens(), row.loss(), row.valLoss());
    }
}
