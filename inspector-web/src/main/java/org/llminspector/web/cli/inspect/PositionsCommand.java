package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.positions.HeadDistances;
import org.llminspector.run.inspect.positions.Positions;
import org.llminspector.run.inspect.positions.PromptShifts;
import org.llminspector.web.cli.common.Arguments;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that shows a model's position encoding, and how distance changes a run's attention scores. */
@Command(
        name = "positions",
        customSynopsis =
                "inspector positions [RUN] [--head HEAD [--query N] [--key N] | --shift N [--layer N]] [--most N] [--json] [OPTION...]",
        description =
                "Tells how each layer hears of positions: what turns, how fast, and how that is scaled. Of a kept run: how far each head's mean score moves with the distance between query and key, what distance does to one score, or what moving the whole prompt changes.",
        sortOptions = false,
        footer = {
            "",
            "A HEAD is LAYER.HEAD, as the list of a run names them.",
            "",
            "Examples:",
            "  inspector positions",
            "  Which heads care most for distance, and how one of them does?",
            "    inspector positions 20261125-003512-417-a1b2c3",
            "    inspector positions 20261125-003512-417-a1b2c3 --head 2.1",
            "  Does the model say the same 100 positions further on?",
            "    inspector positions 20261125-003512-417-a1b2c3 --shift 100"
        })
public final class PositionsCommand extends AskCommand {

    @Parameters(paramLabel = "RUN", arity = "0..1", description = "The run's id. Default: the model alone.")
    String run;

    @Option(
            names = "--head",
            paramLabel = "HEAD",
            description = "One query and one key of this head at other distances.")
    String head;

    @Option(names = "--query", paramLabel = "N", description = "Its position. Default: the prompt's last.")
    Integer query;

    @Option(
            names = "--key",
            paramLabel = "N",
            description = "Its position. Default: the one that the query reads most.")
    Integer key;

    @Option(names = "--shift", paramLabel = "N", description = "Read the whole prompt N positions further on.")
    Integer shift;

    @Option(
            names = "--layer",
            paramLabel = "N",
            description = "Whose scores --shift compares. Default: ${DEFAULT-VALUE}.")
    int layer;

    @Option(names = "--most", paramLabel = "N", description = "The farthest distance. Default: ${DEFAULT-VALUE}.")
    int most = 64;

    @Option(
            names = "--json",
            description =
                    "Print JSON, as in GET /api/v1/models/{model}/positions and POST /api/v1/positions/heads, /distances and /shift.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        boolean both = head != null && shift != null;
        boolean neither = head == null && shift == null;
        if (both || (run == null && !neither)) {
            throw Problem.invalid(run == null ? "scores are a run's" : "one thing at a time")
                    .where("--head, --shift")
                    .expected(run == null ? "the id of a run" : "one of them")
                    .instead("inspector positions RUN " + (shift == null ? "--head 2.1" : "--shift 100"));
        }
        if (run == null) {
            print(inspector.analyses().positions().schemes(slug(inspector), null, most), this::schemes, out);
        } else if (shift != null) {
            print(inspector.analyses().shifts().shift(run, shift, layer), PositionsCommand::shifted, out);
        } else if (head != null) {
            int[] at = Arguments.head(head, "--head");
            print(
                    inspector.analyses().distances().distances(run, at[0], at[1], query, key, most),
                    PositionsCommand::distances,
                    out);
        } else {
            print(inspector.analyses().distances().ranges(run, most), PositionsCommand::ranges, out);
        }
    }

    private interface Printer<A> {
        void print(A answer, PrintWriter out);
    }

    private <A> void print(A answer, Printer<A> words, PrintWriter out) {
        if (json) out.println(Json.write(answer));
        else words.print(answer, out);
    }

    private void schemes(Positions.Schemes answer, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("LAYERS", "POSITIONS", "BASE", "TURNED", "FASTEST", "SLOWEST", "SCALING", "WINDOW"));
        for (Positions.Scheme s : answer.schemes()) {
            boolean turns = s.theta() != null;
            List<Positions.Pair> pairs = s.pairs();
            rows.add(List.of(
                    layers(s.layers()),
                    s.kind().name().toLowerCase(Locale.ROOT),
                    turns ? String.format(Locale.ROOT, "%.0f", s.theta()) : "-",
                    turns ? s.rotaryDims() + " of " + s.dHead() : "-",
                    turns ? number(pairs.get(0).period()) : "-",
                    turns ? number(pairs.get(pairs.size() - 1).period()) : "-",
                    turns ? s.scaling().getClass().getSimpleName().toLowerCase(Locale.ROOT) : "-",
                    s.window() == null ? "-" : s.window().toString()));
        }
        out.println(answer.model() + " reads " + answer.maxContext() + " positions"
                + (answer.learned() ? ", each with a learned vector" : "")
                + "; FASTEST and SLOWEST are positions for one whole turn of a pair\n");
        Lines.table(rows, out);
    }

    private static void ranges(HeadDistances.Ranges answer, PrintWriter out) {
        out.println("RANGE: how far the head's mean score moves over distances up to " + answer.most()
                + "; NEAREST: the distance at which it is largest\n");
        List<List<String>> rows = new ArrayList<>(List.of(List.of("HEAD", "RANGE", "NEAREST")));
        for (HeadDistances.HeadRange h : answer.heads()) {
            rows.add(List.of(h.layer() + "." + h.head(), number(h.range()), String.valueOf(h.nearest())));
        }
        Lines.table(rows, out);
    }

    private static void distances(HeadDistances.Distances d, PrintWriter out) {
        out.println("query " + d.query() + ", key " + d.key() + ": their score is " + number(d.score()) + ", "
                + number(d.before()) + " if nothing turned; the model's own is " + number(d.told()) + "\n");
        List<List<String>> rows = new ArrayList<>(List.of(List.of("DISTANCE", "THESE TWO", "ALL, IN THE MEAN")));
        for (int i = 0; i < d.curve().size(); i++) {
            String mark = i == d.distance() ? i + " *" : String.valueOf(i);
            rows.add(List.of(mark, number(d.curve().get(i)), number(d.mean().get(i))));
        }
        Lines.table(rows, out);
    }

    private static void shifted(PromptShifts.Shift s, PrintWriter out) {
        out.println(String.format(
                Locale.ROOT,
                "moved by %d positions: scores of layer %d differ by at most %.3g (they go up to %.3g), logits by %.3g; KL %.3g nats%n",
                s.by(),
                s.layer(),
                s.maxDifference(),
                s.largest(),
                s.logitsDifference(),
                s.kl()));
        List<List<String>> rows = new ArrayList<>(List.of(List.of("NEXT", "WHERE IT WAS", "MOVED")));
        for (PromptShifts.ShiftedToken t : s.top()) {
            rows.add(List.of(Lines.token(t.text()), number(t.prob()), number(t.moved())));
        }
        Lines.table(rows, out);
    }

    /** Layers as ranges: {@code 0-4, 6}. */
    private static String layers(List<Integer> layers) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < layers.size(); i++) {
            int from = i;
            while (i + 1 < layers.size() && layers.get(i + 1) == layers.get(i) + 1) i++;
            if (from > 0) text.append(", ");
            text.append(layers.get(from));
            if (i > from) text.append('-').append(layers.get(i));
        }
        return text.toString();
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }
}
