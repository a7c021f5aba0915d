package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeSet;
import org.llminspector.analysis.RankCorrelation;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.GradientRequest;
import org.llminspector.hook.HookId;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.Analysis.Measured;
import org.llminspector.run.lab.Analysis.Scores;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.request.AnalysisRequest.By;
import org.llminspector.run.request.AnalysisRequest.Measure;

/**
 * Attribution patching (Nanda 2023; Syed et al. 2023): the effect of a patch at every place, estimated by one backward pass
 * as the change of the value times the metric's gradient; the best estimates are measured as well.
 */
final class Attribution {

    /** Shares of the change by which the slope is taken: within the largest a mixture may send a token to another expert, a jump. */
    private static final double[] STEPS = {4e-3, 1e-3, 2.5e-4};

    private Attribution() {}

    static Found run(Lab lab) {
        String convention =
                lab.request().convention() == null ? "tl" : lab.request().convention();
        if (!List.of("tl", "eap").contains(convention)) {
            throw Problem.invalid("there is no such convention of attribution patching")
                    .where("convention")
                    .expected("tl or eap")
                    .found('"' + convention + '"');
        }
        if (lab.answers().measure() == Measure.KL && lab.base() == lab.clean()) {
            throw Problem.unsupported(
                            "the divergence from the clean run is flat at the clean run: it attributes nothing")
                    .where("metric.name, convention")
                    .expected("another metric, or convention tl, which differentiates at the corrupt run")
                    .found("kl with eap");
        }
        List<Grid> grids = Patching.grids(lab, By.POSITION);
        int measure = lab.steps(lab.request().measured(), 10, 1_000, "measured");
        lab.read(grids);
        lab.progress("gradients", 0, 1);
        SortedMap<HookId, Tensor> gradients = gradients(lab, grids);
        lab.progress("gradients", 1, 1);
        List<Scores> scores = new ArrayList<>();
        List<Estimate> all = new ArrayList<>();
        for (Grid grid : grids) {
            double[] sums = grid.sums(hook -> product(lab, hook, gradients.get(hook)));
            scores.add(Patching.scores(grid, sums, null));
            for (int i = 0; i < sums.length; i++) {
                Grid.Place place = grid.places().get(i);
                if (place != null) all.add(new Estimate(place, sums[i]));
            }
        }
        all.sort(Comparator.comparingDouble(e -> -Math.abs(e.value())));
        List<Measured> measured = measured(lab, all.subList(0, Math.min(measure, all.size())));
        List<Invariant> invariants = lab.invariants();
        if (!all.isEmpty()) invariants.add(slope(lab, all.get(0)));
        String words = convention.equals("tl")
                ? "tl: (clean - corrupt) . dM/dvalue at the corrupt run, an estimate of denoising (TransformerLens)"
                : "eap: (corrupt - clean) . dM/dvalue at the clean run, an estimate of noising (Syed et al. 2023)";
        return Found.of(words, invariants)
                .scores(scores)
                .measured(measured)
                .correlation(correlation(measured))
                .build();
    }

    private record Estimate(Grid.Place place, double value) {}

    static Double correlation(List<Measured> measured) {
        return RankCorrelation.spearman(
                measured.stream().mapToDouble(Measured::estimate).toArray(),
                measured.stream().mapToDouble(Measured::measured).toArray());
    }

    /** The metric's gradient by the changed run's values. */
    private static SortedMap<HookId, Tensor> gradients(Lab lab, List<Grid> grids) {
        TreeSet<HookId> hooks = new TreeSet<>();
        for (Grid g : grids) for (Grid.Place p : g.places()) if (p != null) hooks.add(p.hook());
        return lab.base()
                .engine()
                .gradients(new GradientRequest(lab.base().ids(), lab.answers().targets(lab.baseLogits()), hooks, false))
                .hooks();
    }

    /** The change of each element times the gradient by it; 0 where both runs have the same infinite value, a mask. */
    private static Tensor product(Lab lab, HookId hook, Tensor gradient) {
        float[] from = lab.base().value(hook).toFloats();
        float[] to = lab.sourceValue(hook).toFloats();
        float[] slope = gradient.toFloats();
        float[] out = new float[slope.length];
        for (int i = 0; i < out.length; i++) out[i] = to[i] == from[i] ? 0 : (to[i] - from[i]) * slope[i];
        return Tensor.of(out, gradient.shape());
    }

    private static List<Measured> measured(Lab lab, List<Estimate> best) {
        List<List<Patch>> rows = best.stream()
                .map(e -> List.of(e.place().patch(lab.sourceValue(e.place().hook()))))
                .toList();
        double[] found = lab.measured(rows);
        List<Measured> measured = new ArrayList<>();
        for (int i = 0; i < found.length; i++) {
            measured.add(new Measured(name(best.get(i).place()), best.get(i).value(), found[i] - lab.baseMetric()));
        }
        return measured;
    }

    static String name(Grid.Place place) {
        StringBuilder name = new StringBuilder(place.hook().name());
        if (place.head() != null) name.append(", head ").append(place.head());
        if (place.features() != null)
            name.append(", channels ")
                    .append(place.features().get(0))
                    .append(" to ")
                    .append(place.features().get(place.features().size() - 1));
        if (place.pos() != null) name.append(", position ").append(place.pos());
        return name.toString();
    }

    /**
     * The metric's slope along the best place's change is its estimate. The slope is of fourth order, of four runs that take a
     * little of the change, at the step where it is closest.
     */
    private static Invariant slope(Lab lab, Estimate best) {
        HookId hook = best.place().hook();
        float[] from = lab.base().value(hook).toFloats();
        float[] to = lab.sourceValue(hook).toFloats();
        List<List<Patch>> rows = new ArrayList<>();
        for (double step : STEPS) {
            for (int times : new int[] {-2, -1, 1, 2}) {
                float[] moved = from.clone();
                for (int i = 0; i < moved.length; i++)
                    if (to[i] != from[i]) moved[i] += (float) (times * step * (to[i] - from[i]));
                rows.add(List.of(best.place()
                        .patch(Tensor.of(moved, lab.base().value(hook).shape()))));
            }
        }
        double[] m = lab.measured(rows);
        List<Invariant> slopes = new ArrayList<>();
        for (int i = 0; i < STEPS.length; i++) {
            double slope = (m[4 * i] - 8 * m[4 * i + 1] + 8 * m[4 * i + 2] - m[4 * i + 3]) / (12 * STEPS[i]);
            slopes.add(Invariant.of(
                    "the metric's slope along the change of " + name(best.place()) + ": its estimate",
                    best.value(),
                    slope,
                    0.02 * Math.abs(best.value()) + 3 * lab.metric().noise() / STEPS[i]));
        }
        return slopes.stream()
                .min(Comparator.comparingDouble(s -> Math.abs(s.got() - s.expected()) / s.within()))
                .orElseThrow();
    }
}
