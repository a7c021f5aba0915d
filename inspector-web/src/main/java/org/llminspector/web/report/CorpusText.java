package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.analysis.output.Intervals;
import org.llminspector.base.Plural;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.CorpusDivergence;

/** Texts and table rows of a divergence over a corpus. */
public final class CorpusText {

    /** Documents that are named on a terminal. */
    private static final int NAMED = 5;

    private CorpusText() {}

    /** A line for each mean, and one for the worst documents. */
    public static List<String> lines(CorpusDivergence d) {
        List<String> lines = new ArrayList<>();
        lines.add(line("KL(A || B)", d.meanKld(), "nats per token"));
        lines.add(line("KL(B || A)", d.reverseKld(), "nats per token"));
        lines.add(line("B's loss", d.deltaNll(), "nats per token more than A's"));
        lines.add(line("same top", d.sameTop(), "of the tokens"));
        lines.add("worst        "
                + d.worst().stream()
                        .limit(NAMED)
                        .map(w -> String.format(Locale.ROOT, "%s %.4f", w.document(), w.meanKld()))
                        .collect(Collectors.joining(", ")));
        return lines;
    }

    private static String line(String what, Intervals.Mean mean, String unit) {
        String interval = mean.low() == null
                ? ""
                : String.format(Locale.ROOT, " (95 %% over documents: %.5f to %.5f)", mean.low(), mean.high());
        return String.format(Locale.ROOT, "%-12s %.5f%s %s", what, mean.value(), interval, unit);
    }

    /** What was read and how far B lies from A there. */
    public static String lead(ComparisonManifest.CorpusPart corpus) {
        CorpusDivergence d = corpus.divergence();
        String bad = corpus.badLines() == 0 ? "" : ", " + Plural.of(corpus.badLines(), "bad line") + " left out";
        return String.format(
                Locale.ROOT,
                "Over %s of %s (%,d tokens in windows of %,d%s) B's next-token distributions lie %s nats from A's on"
                        + " average%s.",
                Plural.of(corpus.documents(), "document"),
                corpus.texts().path(),
                d.tokens(),
                corpus.window(),
                bad,
                Html.number(d.meanKld().value()),
                d.meanKld().low() == null ? "; one document has no interval" : ", between " + interval(d.meanKld()));
    }

    private static String interval(Intervals.Mean mean) {
        return mean.low() == null ? "" : Html.number(mean.low()) + " and " + Html.number(mean.high());
    }

    /** Headings of the means. */
    public static String[] columns() {
        return new String[] {"Per token", "Mean", "95 % low", "95 % high"};
    }

    public static List<String[]> rows(CorpusDivergence d) {
        return List.of(
                row("KL(A || B), nats", d.meanKld()),
                row("KL(B || A), nats", d.reverseKld()),
                row("B's loss less A's, nats", d.deltaNll()),
                row("Same top", d.sameTop()));
    }

    private static String[] row(String name, Intervals.Mean mean) {
        return new String[] {
            name,
            Html.number(mean.value()),
            mean.low() == null ? "" : Html.number(mean.low()),
            mean.high() == null ? "" : Html.number(mean.high())
        };
    }

    /** The documents that suffer most. */
    public static List<String[]> worst(CorpusDivergence d) {
        return d.worst().stream()
                .map(w -> new String[] {w.document(), Html.number(w.meanKld()), String.valueOf(w.tokens())})
                .toList();
    }
}
