package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.analysis.Composition;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.heads.HeadCircuits;
import org.llminspector.web.cli.common.Arguments;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that reads one head's weights: its QK and OV circuits, and the earlier heads that it composes with. */
@Command(
        name = "circuits",
        customSynopsis =
                "inspector circuits HEAD [TOKEN...] [--distance N] [--words] [--heard] [--top N] [--json] [OPTION...]",
        description =
                "Tells from a head's weights alone which tokens its queries seek (QK) and which it makes likelier on reading one (OV).",
        sortOptions = false,
        footer = {
            "",
            "A HEAD is LAYER.HEAD, as 'inspector heads' lists them. A TOKEN is an id, or a text of one token: ' Mia'.",
            "",
            "Examples:",
            "  inspector circuits 3.1 ' Mia' ' ball'",
            "  Which earlier heads could this one listen to?",
            "    inspector circuits 3.1 --heard"
        })
public final class CircuitsCommand extends AskCommand {

    @Parameters(index = "0", paramLabel = "HEAD", description = "LAYER.HEAD, both from 0.")
    String head;

    @Parameters(
            index = "1..*",
            paramLabel = "TOKEN",
            description = "Tokens to tell what the head does with; at most 64.")
    List<String> tokens = List.of();

    @Option(
            names = "--distance",
            paramLabel = "N",
            defaultValue = "1",
            description = "Positions that the query stands after the key. Default: 1.")
    int distance;

    @Option(names = "--words", description = "Only tokens with a letter or a digit.")
    boolean words;

    @Option(
            names = "--heard",
            description = "List instead how much of what every earlier head writes this head could read (composition).")
    boolean heard;

    @Option(names = "--top", paramLabel = "N", defaultValue = "8", description = "Of each list. Default: 8.")
    int top;

    @Option(
            names = "--json",
            description = "Print JSON, as in POST /api/v1/heads/circuits and /api/v1/heads/compositions.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        int[] at = Arguments.head(head, "HEAD");
        String slug = slug(inspector);
        if (heard) {
            HeadCircuits.Compositions answer = inspector.analyses().circuits().compositions(slug, at[0], at[1]);
            if (json) out.println(Json.write(answer));
            else compositions(answer, out);
            return;
        }
        List<Integer> ids = Arguments.ids(inspector, slug, tokens);
        HeadCircuits.Circuits answer =
                inspector.analyses().circuits().circuits(slug, at[0], at[1], distance, ids, words, top);
        if (json) {
            out.println(Json.write(answer));
            return;
        }
        pairs("looks for, most of all", answer.seeks(), out);
        out.println();
        pairs("then writes, most of all", answer.writes(), out);
        for (HeadCircuits.Of of : answer.of()) {
            out.println();
            List<List<String>> rows = new ArrayList<>();
            rows.add(List.of(
                    "'" + Lines.token(of.text()) + "' LOOKS FOR", "SCORE", "RAISES", "SCORE", "LOWERS", "SCORE"));
            for (int i = 0; i < of.seeks().size(); i++) {
                List<String> row = new ArrayList<>();
                for (List<HeadCircuits.TokenScore> list : List.of(of.seeks(), of.writes(), of.lowers())) {
                    row.add(Lines.token(list.get(i).text()));
                    row.add(number(list.get(i).score()));
                }
                rows.add(row);
            }
            Lines.table(rows, out);
        }
    }

    private static void pairs(String title, HeadCircuits.Pairs found, PrintWriter out) {
        out.println(title
                + (found.exact()
                        ? ", of all pairs"
                        : ", among the " + found.candidates()
                                + " longest vectors of either side; no other pair scores above "
                                + number(found.bound())));
        List<List<String>> rows = new ArrayList<>(List.of(List.of("FROM", "TO", "SCORE")));
        for (HeadCircuits.TokenPair p : found.pairs()) {
            rows.add(List.of(Lines.token(p.fromText()), Lines.token(p.toText()), number(p.score())));
        }
        Lines.table(rows, out);
    }

    private void compositions(HeadCircuits.Compositions answer, PrintWriter out) {
        List<HeadCircuits.Reads> from = new ArrayList<>(answer.from());
        from.sort((a, b) -> Double.compare(most(b.composition()), most(a.composition())));
        List<List<String>> rows = new ArrayList<>(List.of(List.of("FROM", "INTO Q", "INTO K", "INTO V")));
        for (HeadCircuits.Reads r : from.subList(0, Math.min(top, from.size()))) {
            Composition c = r.composition();
            rows.add(List.of(r.layer() + "." + r.head(), number(c.q()), number(c.k()), number(c.v())));
        }
        Lines.table(rows, out);
    }

    private static double most(Composition c) {
        return Math.max(c.q(), Math.max(c.k(), c.v()));
    }

    private static String number(double score) {
        return String.format(Locale.ROOT, "%.3f", score);
    }
}
