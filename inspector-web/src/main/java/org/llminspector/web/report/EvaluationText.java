package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Plural;
import org.llminspector.run.evaluate.Evaluation;

/** An evaluation as lines of text. */
public final class EvaluationText {

    private EvaluationText() {}

    /** A line for each number, in the names of lm-evaluation-harness. */
    public static List<String> lines(Evaluation e) {
        List<String> lines = new ArrayList<>();
        Evaluation.Choices choices = e.choices();
        if (choices != null) {
            lines.add(line(
                    "acc",
                    choices.acc(),
                    "of " + Plural.of(choices.lines(), "task")
                            + String.format(Locale.ROOT, " with choices; by chance %.4f", choices.chance())));
            lines.add(line("acc_norm", choices.accNorm(), "by log-probability per character"));
            lines.add(line("acc_bytes", choices.accBytes(), "by log-probability per byte"));
        }
        Evaluation.Continuations continuations = e.continuations();
        if (continuations != null) {
            lines.add(line("logprob", continuations.logprob(), "nats, the mean of a continuation"));
            if (continuations.perplexity() != null) {
                lines.add(String.format(
                        Locale.ROOT,
                        "%-12s %s of a continuation, %s of a token",
                        "perplexity",
                        number(continuations.perplexity()),
                        number(continuations.tokenPerplexity())));
            }
            lines.add(line(
                    "greedy",
                    continuations.greedy(),
                    "of " + Plural.of(continuations.lines(), "continuation") + " are what greedy decoding says"));
        }
        if (e.truncated() > 0) {
            lines.add(String.format(
                    Locale.ROOT, "%-12s %s: the context's beginning was left out", "truncated", count(e.truncated())));
        }
        if (e.nonfinite() > 0) {
            lines.add(String.format(
                    Locale.ROOT, "%-12s %s: the log-probability is no number", "nonfinite", count(e.nonfinite())));
        }
        return lines;
    }

    /** A perplexity; that of long continuations is astronomic. */
    private static String number(double x) {
        return String.format(Locale.ROOT, x < 1e6 ? "%.4f" : "%.3e", x);
    }

    private static String count(long rows) {
        return Plural.of(rows, "continuation");
    }

    private static String line(String name, Evaluation.Mean mean, String of) {
        if (mean == null) return String.format(Locale.ROOT, "%-12s none", name);
        String error = mean.stderr() == null ? "" : String.format(Locale.ROOT, " (standard error %.4f)", mean.stderr());
        return String.format(Locale.ROOT, "%-12s %.4f%s %s", name, mean.value(), error, of);
    }
}
