package org.llminspector.web.cli.common;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.base.Plural;
import org.llminspector.run.evaluate.Evaluation;
import org.llminspector.run.store.CorpusDivergence;
import org.llminspector.run.sweep.SweepFolder;
import org.llminspector.run.sweep.SweepManifest;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.web.report.CorpusText;
import org.llminspector.web.report.EvaluationText;

/** Prints what a sweep says, on a terminal. */
public final class SweepPrinter {

    /** Shards that are named. */
    private static final int NAMED = 20;

    private SweepPrinter() {}

    /** What was done, and where it lies. */
    public static void printAll(Sweeps.Done done, PrintWriter out, Path folder) {
        print(done, out, folder);
        done.files().forEach((kind, file) -> out.println(String.format(Locale.ROOT, "%-12s %s", kind, file)));
    }

    /** What was done, and what it says. */
    public static void print(Sweeps.Done done, PrintWriter out, Path folder) {
        SweepManifest m = done.manifest();
        out.println(String.format(
                Locale.ROOT,
                "%s, %,d tokens by %s (%s)",
                texts(m),
                m.tokens(),
                m.model().slug(),
                m.engine().name() + " " + m.engine().precision().label()));
        if (done.seconds() > 0) {
            out.println(String.format(
                    Locale.ROOT,
                    "%s in %s: %,.0f tokens per second",
                    Plural.of(done.computed(), "part"),
                    time(done.seconds()),
                    done.tokens() / done.seconds()));
        }
        if (!done.missing().isEmpty()) {
            String which =
                    done.missing().stream().limit(NAMED).map(String::valueOf).collect(Collectors.joining(", "));
            out.println("waiting for the parts of " + Plural.of(done.missing().size(), "shard") + " (" + which
                    + (done.missing().size() > NAMED ? ", ..." : "")
                    + "); once they are there: inspector sweep merge DIR");
        }
        if (!done.files().isEmpty()) print(new SweepResults(new SweepFolder(folder)), out);
    }

    /** What was read, in the words of a corpus or of an evaluation. */
    static String texts(SweepManifest sweep) {
        return sweep.request().evaluates()
                ? Plural.of(sweep.documents(), "task") + ", " + Plural.of(sweep.windows(), "continuation")
                : Plural.of(sweep.documents(), "document") + ", " + Plural.of(sweep.windows(), "window");
    }

    private static void print(SweepResults results, PrintWriter out) {
        SweepResults.Loss loss = results.loss();
        if (loss != null) {
            out.println(String.format(
                    Locale.ROOT,
                    "%-12s %.4f nats per token%s: perplexity %.3f",
                    "loss",
                    loss.loss(),
                    interval(loss.low(), loss.high()),
                    loss.perplexity()));
        }
        CorpusDivergence d = results.divergence();
        if (d != null) CorpusText.lines(d).forEach(out::println);
        Evaluation evaluation = results.evaluation();
        if (evaluation != null) EvaluationText.lines(evaluation).forEach(out::println);
    }

    /** The 95 % interval over documents. */
    private static String interval(Double low, Double high) {
        return low == null ? "" : String.format(Locale.ROOT, " (95 %% over documents: %.5f to %.5f)", low, high);
    }

    static String time(double seconds) {
        long s = Math.round(seconds);
        return s < 100 ? s + " s" : s < 6000 ? s / 60 + " min" : s / 3600 + " h " + s / 60 % 60 + " min";
    }
}
