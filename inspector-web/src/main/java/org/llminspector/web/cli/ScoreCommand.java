package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.run.Inspector;
import org.llminspector.run.ScoredToken;
import org.llminspector.run.Scores;
import org.llminspector.run.request.RunRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that prints a text's log-probability under the model, per token. */
@Command(
        name = "score",
        customSynopsis = "inspector score TEXT [--after PROMPT] [--top N] [--json] [OPTION...]",
        description = "Tells how probable a text is to a model, token by token.",
        footer = {
            "",
            "Examples:",
            "  inspector score \"Once upon a time, there was a cat.\"",
            "  inspector score \" Paris\" --after \"The capital of France is\" --top 3"
        })
final class ScoreCommand extends AskCommand {

    @Parameters(index = "0", paramLabel = "TEXT", description = "The text.")
    String text;

    @Option(names = "--after", paramLabel = "PROMPT", description = "What stands before it and is not scored.")
    String prompt;

    @Option(names = "--top", paramLabel = "N", defaultValue = "0", description = "Also list the N likeliest tokens.")
    int top;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/logprobs answers.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        RunRequest before = RunRequest.builder()
                .model(slug(inspector))
                .prompt(prompt == null ? text : prompt)
                .build();
        Scores scores = inspector.runs().sampling().scores(before, prompt == null ? null : text, null, null, top);
        if (json) {
            out.println(Json.write(scores));
            return;
        }
        List<List<String>> rows = new ArrayList<>(List.of(List.of("TOKEN", "PROBABILITY", "LOGPROB", "RANK", "")));
        for (ScoredToken t : scores.tokens()) {
            List<String> others = t.alternatives().stream()
                    .map(a -> String.format(Locale.ROOT, "%s %.3f", shown(a.text()), a.prob()))
                    .toList();
            rows.add(List.of(
                    shown(t.token().text()),
                    String.format(Locale.ROOT, "%.5f", t.prob()),
                    String.format(Locale.ROOT, "%.4f", t.logprob()),
                    String.valueOf(t.rank() + 1),
                    String.join("   ", others)));
        }
        Lines.table(rows, out);
        out.println(String.format(
                Locale.ROOT,
                "%n%s: %.4f nats%s",
                Plural.of(scores.tokens().size(), "token"),
                scores.logprob(),
                scores.perplexity() == null
                        ? ""
                        : String.format(Locale.ROOT, ", perplexity %.3f", scores.perplexity())));
    }

    private static String shown(String token) {
        return token.replace("\n", "\u21b5");
    }
}
