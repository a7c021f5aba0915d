package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.run.compare.AnswerFlips;
import org.llminspector.web.cli.common.Help;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Command that lists the answers of a benchmark that differ between two models. */
@Command(
        name = "flips",
        customSynopsis = "inspector flips A.jsonl B.jsonl [--metric NAME] [--json]",
        description =
                "Says which answers changed between two models: two files of lm-evaluation-harness's samples, of one task.",
        footer = {
            "",
            "Examples:",
            "  lm_eval --model local-completions --tasks hellaswag --log_samples --output_path a ...    (once for each model)",
            "  inspector flips a/.../samples_hellaswag_*.jsonl b/.../samples_hellaswag_*.jsonl",
            "  inspector flips a.jsonl b.jsonl --metric acc_norm --json"
        })
final class FlipsCommand implements Callable<Integer> {

    private static final int SHOWN = 48;

    @Spec
    CommandSpec spec;

    @Parameters(index = "0", paramLabel = "A.jsonl", description = "The first model's samples.")
    Path a;

    @Parameters(index = "1", paramLabel = "B.jsonl", description = "The second model's, of the same questions.")
    Path b;

    @Option(names = "--metric", paramLabel = "NAME", description = "What is right: acc, acc_norm, exact_match ...")
    String metric;

    @Option(names = "--json", description = "Print JSON: every count, every changed answer whole.")
    boolean json;

    @Mixin
    Help help;

    @Override
    public Integer call() {
        Lines.warningsOnly();
        PrintWriter out = spec.commandLine().getOut();
        AnswerFlips flips = AnswerFlips.of(a, b, metric);
        if (json) out.println(Json.write(flips));
        else print(flips, out);
        out.flush();
        return 0;
    }

    private static void print(AnswerFlips f, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>(List.of(List.of("ID", "QUESTION", "RIGHT", "A", "B", "")));
        for (AnswerFlips.Flip x : f.flips()) {
            String what = x.rightA() == x.rightB() ? "" : x.rightA() ? "lost" : "won";
            rows.add(List.of(
                    String.valueOf(x.id()),
                    end(x.question()),
                    start(x.target()),
                    start(x.answerA()),
                    start(x.answerB()),
                    what));
        }
        if (!f.flips().isEmpty()) {
            Lines.table(rows, out);
            out.println();
        }
        out.println(String.format(
                Locale.ROOT,
                "%s, %s: A %.2f %%, B %.2f %%. %d answered differently: %d lost, %d won, %d neither.",
                Plural.of(f.questions(), "question"),
                f.metric(),
                100 * f.a(),
                100 * f.b(),
                f.changed(),
                f.lost(),
                f.won(),
                f.changed() - f.lost() - f.won()));
        if (f.lost() + f.won() > 0) {
            out.println(String.format(
                    Locale.ROOT,
                    "Were neither better, lost and won would lie so far apart or farther in %.3g of cases (McNemar, exact).",
                    f.p()));
        }
    }

    private static String end(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN ? line : "…" + line.substring(line.length() - SHOWN + 1);
    }

    private static String start(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        return line.length() <= SHOWN ? line : line.substring(0, SHOWN - 1) + "…";
    }
}
