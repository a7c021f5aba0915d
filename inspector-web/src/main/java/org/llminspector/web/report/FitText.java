package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.llminspector.run.inspect.Lens;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.fit.Interchange;
import org.llminspector.run.lab.fit.LensFit;
import org.llminspector.run.lab.fit.Probing;
import org.llminspector.run.lab.fit.ScoreParts;

/** What an analysis with one run found, as a table of texts. */
public final class FitText {

    private FitText() {}

    /** The head, and at most {@code most} rows; empty for an analysis of two runs. */
    public static List<List<String>> rows(Analysis a, int most) {
        List<List<String>> all = a.score() != null
                ? parts(a.score())
                : a.lens() != null
                        ? lens(a.lens())
                        : a.probes() != null
                                ? probes(a.probes())
                                : a.subspace() != null ? arms(a.subspace()) : List.of();
        return all.subList(0, Math.min(all.size(), most + 1));
    }

    private static List<List<String>> parts(ScoreParts.Score s) {
        int n = s.writers().size();
        List<List<String>> rows = new ArrayList<>(List.of(List.of("QUERY", "KEY", "PART OF " + number(s.score()))));
        IntStream.range(0, n * n)
                .boxed()
                .sorted(Comparator.comparingDouble(i -> -Math.abs(s.parts().get(i))))
                .forEach(i -> rows.add(List.of(
                        s.writers().get(i / n),
                        s.writers().get(i % n),
                        number(s.parts().get(i)))));
        return rows;
    }

    private static List<List<String>> lens(LensFit.Fitted lens) {
        List<List<String>> rows =
                new ArrayList<>(List.of(List.of("LAYER", "LOGIT LENS KL", "THIS LENS KL", "AT THE LAST POSITION")));
        for (int i = 0; i < lens.losses().size(); i++) {
            LensFit.Loss loss = lens.losses().get(i);
            List<Lens.Cell> cells = lens.rows().get(i).cells();
            Lens.Candidate top = cells.get(cells.size() - 1).top().get(0);
            rows.add(List.of(
                    "" + loss.layer(),
                    number(loss.logit()),
                    number(loss.fitted()),
                    "'" + top.text().replace("\n", "\u21b5") + "' " + number(top.prob())));
        }
        return rows;
    }

    private static List<List<String>> probes(Probing.Probes probes) {
        List<List<String>> rows =
                new ArrayList<>(List.of(List.of("HOOK", "ACCURACY", "ERROR", "RANDOM COORDINATES", "SHUFFLED LABELS")));
        for (Probing.Probe p : probes.probes())
            rows.add(List.of(
                    p.hook(), number(p.accuracy()), number(p.error()), number(p.random()), number(p.shuffled())));
        return rows;
    }

    private static List<List<String>> arms(Interchange.Subspace s) {
        List<List<String>> rows = new ArrayList<>(
                List.of(List.of("INTERCHANGED", s.trained() + " FITTED", s.heldOut() + " HELD OUT", "NLL")));
        for (Interchange.Arm arm : s.arms())
            rows.add(List.of(arm.name(), number(arm.trained()), number(arm.heldOut()), number(arm.nll())));
        return rows;
    }

    private static String number(double value) {
        boolean small = value != 0 && Math.abs(value) < 0.01;
        return String.format(Locale.ROOT, small ? "%.2e" : "%.3f", value);
    }
}
