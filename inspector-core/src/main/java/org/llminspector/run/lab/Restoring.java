package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.llminspector.base.Problem;
import org.llminspector.run.lab.Analysis.Restored;
import org.llminspector.run.lab.Analysis.Scores;
import org.llminspector.run.lab.side.Answers;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.request.AnalysisRequest.By;

/**
 * Values of the clean model given back to the corrupt one, the same model quantized, place by place: how much of the divergence
 * each mends, and a least set that mends the answer.
 */
final class Restoring {

    /** Share of the divergence that a set has to mend where both runs answer with the same token. */
    private static final double ENOUGH = 0.9;

    private Restoring() {}

    static Found run(Lab lab) {
        if (lab.base() != lab.corrupt()) {
            throw Problem.invalid("values are given back to the corrupt run, the quantized model")
                    .where("direction")
                    .expected("denoise")
                    .found("noise");
        }
        List<Grid> grids = Patching.grids(lab, By.LAYER).stream()
                .filter(g -> lab.request().points() != null
                        || g.point() != org.llminspector.hook.HookPoint.RESID_PRE) // all before it at once
                .toList();
        lab.read(grids);
        List<Scores> scores = new ArrayList<>();
        List<Given> all = new ArrayList<>();
        for (Grid grid : grids) {
            Scores found = Patching.measured(lab, grid);
            scores.add(found);
            for (int i = 0; i < grid.places().size(); i++) {
                Grid.Place place = grid.places().get(i);
                if (place != null) all.add(new Given(place, found.effects().get(i)));
            }
        }
        all.sort(Comparator.comparingDouble(g -> -g.mends()));
        String words =
                "the corrupt model's run with a value of the clean one's; the share is of the difference that it mends";
        return Found.of(words, lab.invariants())
                .scores(scores)
                .restored(least(lab, all))
                .build();
    }

    private record Given(Grid.Place place, double mends) {}

    /** What is measured of a set of places put back together. */
    private record Outcome(double value, int top) {}

    /** The best places one after another until the answer is mended, then each taken out again that is not needed. */
    private static Restored least(Lab lab, List<Given> ranked) {
        boolean differ = lab.answersDiffer();
        int most = Math.min(ranked.size(), 64);
        List<List<Patch>> prefixes = new ArrayList<>();
        for (int n = 1; n <= most; n++) prefixes.add(patches(lab, ranked.subList(0, n)));
        Outcome[] outcomes = outcomes(lab, prefixes);
        int n = 0;
        while (n < outcomes.length && !mends(lab, differ, outcomes[n])) n++;
        if (n == outcomes.length) {
            double value = outcomes.length == 0 ? lab.baseMetric() : outcomes[n - 1].value();
            return new Restored(differ, List.of(), value, false);
        }
        List<Given> set = new ArrayList<>(ranked.subList(0, n + 1));
        Outcome kept = outcomes[n];
        for (int i = set.size() - 2; i >= 0 && set.size() > 1; i--) { // the last one was needed
            List<Given> without = new ArrayList<>(set);
            without.remove(i);
            Outcome fewer = outcomes(lab, List.of(patches(lab, without)))[0];
            if (!mends(lab, differ, fewer)) continue;
            set = without;
            kept = fewer;
        }
        return new Restored(
                differ, set.stream().map(g -> Attribution.name(g.place())).toList(), kept.value(), true);
    }

    private static boolean mends(Lab lab, boolean differ, Outcome outcome) {
        return differ ? outcome.top() == lab.top(lab.clean()) : lab.metric().normalised(outcome.value()) >= ENOUGH;
    }

    private static Outcome[] outcomes(Lab lab, List<List<Patch>> rows) {
        Outcome[] out = new Outcome[rows.size()];
        lab.base().logits(rows, lab.answers().pos(), (row, logits) -> {
            out[row] = new Outcome(lab.answers().of(logits), Answers.top(logits));
            lab.progress("measuring", row + 1, rows.size());
        });
        return out;
    }

    private static List<Patch> patches(Lab lab, List<Given> set) {
        return set.stream()
                .sorted(Comparator.comparing(g -> g.place().hook()))
                .map(g -> g.place().patch(lab.sourceValue(g.place().hook())))
                .toList();
    }
}
