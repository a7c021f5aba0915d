package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.llminspector.run.lab.Analysis;
import org.llminspector.tokenize.Token;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.report.AnalysisText;
import org.llminspector.web.report.FitText;

/** An analysis as a few tables on the terminal. */
final class AnalysisPrinter {

    /** The most places of which a least set is looked for. */
    private static final int MOST_RESTORED = 64;

    private static final int WIDEST = 24;

    private AnalysisPrinter() {}

    /** @param listed most rows of a list */
    static void print(Analysis a, int listed, PrintWriter out) {
        if (a.metric() != null) ends(a, out);
        out.println(a.convention());
        List<List<String>> fitted = FitText.rows(a, listed);
        if (!fitted.isEmpty()) {
            out.println();
            Lines.table(fitted, out);
        }
        for (Analysis.Scores s : a.scores()) scores(a, s, listed, out);
        if (a.rows() != null)
            out.println("together: " + number(a.rows().value()) + ", share "
                    + number(a.rows().effect()));
        if (a.paths() != null) paths(a, listed, out);
        if (a.graph() != null) graph(a.graph(), listed, out);
        if (a.measured() != null && !a.measured().isEmpty()) measured(a, listed, out);
        if (a.restored() != null) restored(a.restored(), tried(a), out);
        long held = a.invariants().stream().filter(Analysis.Invariant::holds).count();
        out.println();
        out.println(held + " of " + a.invariants().size() + " invariants hold");
        for (Analysis.Invariant i : a.invariants()) {
            if (!i.holds())
                out.println(
                        "  not: " + i.name() + ", " + number(i.expected()) + " expected, " + number(i.got()) + " got");
        }
    }

    private static void ends(Analysis a, PrintWriter out) {
        String name = a.metric().name().name().toLowerCase(Locale.ROOT);
        out.println(name + tokens(a) + ": clean " + number(a.metric().clean()) + ", corrupt "
                + number(a.metric().corrupt()));
        out.println("the clean run answers '" + Lines.token(a.clean().top().text()) + "', the corrupt one '"
                + Lines.token(a.corrupt().top().text()) + "'");
    }

    private static String tokens(Analysis a) {
        StringBuilder text = new StringBuilder();
        for (Token t : a.metric().answers())
            text.append(" '").append(Lines.token(t.text())).append('\'');
        if (!a.metric().against().isEmpty()) text.append(" against");
        for (Token t : a.metric().against())
            text.append(" '").append(Lines.token(t.text())).append('\'');
        return text.toString();
    }

    /** A grid of two axes as a table, any other as a list of its largest. */
    private static void scores(Analysis a, Analysis.Scores s, int listed, PrintWriter out) {
        List<Double> values = AnalysisText.values(s);
        out.println();
        out.println(s.point() + (s.effects() == null ? ", estimated change" : ", share of the difference"));
        int columns = values.size() / s.shape().get(0);
        List<List<String>> rows = new ArrayList<>();
        if (s.axes().size() <= 2 && columns <= WIDEST) {
            List<String> head = new ArrayList<>(List.of("LAYER"));
            for (int c = 0; c < columns; c++) head.add(column(a, s, c));
            rows.add(head);
            for (int l = 0; l < s.shape().get(0); l++) {
                List<String> row = new ArrayList<>(List.of("" + s.layers().get(l)));
                for (int c = 0; c < columns; c++) row.add(number(values.get(l * columns + c)));
                rows.add(row);
            }
            Lines.table(rows, out);
            return;
        }
        rows.add(List.of("PLACE", "VALUE"));
        List<Integer> order = AnalysisText.order(values);
        for (int i : order.subList(0, Math.min(listed, order.size())))
            rows.add(List.of(AnalysisText.place(a, s, i), number(values.get(i))));
        Lines.table(rows, out);
    }

    private static String column(Analysis a, Analysis.Scores s, int c) {
        if (s.axes().size() < 2) return "ALL";
        if (!s.axes().get(1).equals("pos"))
            return s.axes().get(1).substring(0, 1).toUpperCase(Locale.ROOT) + c;
        int pos = s.positions().get(c);
        return pos + ":" + Lines.token(a.clean().tokens().get(pos).text());
    }

    private static void paths(Analysis a, int listed, PrintWriter out) {
        out.println();
        List<List<String>> rows = new ArrayList<>(List.of(List.of("RECEIVER", "METRIC", "SHARE")));
        List<Analysis.Path> all = new ArrayList<>(a.paths());
        all.sort((x, y) -> Double.compare(away(a, y), away(a, x)));
        for (Analysis.Path p : all.subList(0, Math.min(listed, all.size())))
            rows.add(List.of(p.receiver(), number(p.value()), number(p.effect())));
        Lines.table(rows, out);
    }

    /** How far a path moves the metric from the unchanged run's end, whichever it is. */
    private static double away(Analysis a, Analysis.Path p) {
        return Math.min(
                Math.abs(p.value() - a.metric().corrupt()),
                Math.abs(p.value() - a.metric().clean()));
    }

    private static void graph(Analysis.EdgeGraph g, int listed, PrintWriter out) {
        out.println();
        out.println(g.count() + " edges from " + g.writers() + " writers to " + g.readers() + " readers; the best:");
        List<List<String>> rows = new ArrayList<>(List.of(List.of("FROM", "TO", "SCORE")));
        for (Analysis.Edge e : g.edges().subList(0, Math.min(listed, g.edges().size())))
            rows.add(List.of(e.from(), e.to(), number(e.score())));
        Lines.table(rows, out);
        out.println();
        rows = new ArrayList<>(List.of(List.of("CIRCUIT", "METRIC", "FAITHFULNESS")));
        for (Analysis.Faithful f : g.faithfulness())
            rows.add(List.of(f.edges() + " edges", number(f.value()), number(f.faithfulness())));
        Lines.table(rows, out);
        if (g.cpr() != null) out.println("CPR " + number(g.cpr()) + ", CMD " + number(g.cmd()));
    }

    private static void measured(Analysis a, int listed, PrintWriter out) {
        out.println();
        List<List<String>> rows = new ArrayList<>(List.of(List.of("PLACE", "ESTIMATE", "MEASURED")));
        for (Analysis.Measured m :
                a.measured().subList(0, Math.min(listed, a.measured().size())))
            rows.add(List.of(m.place(), number(m.estimate()), number(m.measured())));
        Lines.table(rows, out);
        if (a.correlation() != null)
            out.println("rank correlation of the " + a.measured().size() + " (Spearman): " + number(a.correlation()));
    }

    /** Values that were given back one by one. */
    private static long tried(Analysis a) {
        return a.scores().stream()
                .flatMap(s -> s.effects().stream())
                .filter(Objects::nonNull)
                .count();
    }

    private static void restored(Analysis.Restored r, long tried, PrintWriter out) {
        out.println();
        String goal = r.answers() ? "the answer" : "nine tenths of the divergence";
        if (!r.mended()) {
            String all = tried > MOST_RESTORED ? "the " + MOST_RESTORED + " best places" : "all of them";
            out.println("no set of these places mends " + goal + "; " + all + " together leave " + number(r.value()));
            return;
        }
        out.println("a least set that mends " + goal + ":");
        for (String place : r.places()) out.println("  " + place);
        out.println("with it: " + number(r.value()));
    }

    private static String number(Double value) {
        if (value == null) return "-";
        boolean small = value != 0 && Math.abs(value) < 0.01;
        return String.format(Locale.ROOT, small ? "%.2e" : "%.3f", value);
    }
}
