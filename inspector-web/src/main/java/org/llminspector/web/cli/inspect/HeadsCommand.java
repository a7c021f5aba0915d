package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.analysis.HeadProfile;
import org.llminspector.analysis.HeadScores;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.heads.Heads;
import org.llminspector.run.inspect.heads.LogitAttribution;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that lists every attention head's scores, on a stored run's text or on repeated random tokens. */
@Command(
        name = "heads",
        customSynopsis = "inspector heads [RUN] [--by SCORE] [--json] [OPTION...]",
        description =
                "Lists what every attention head does: on the text of a kept run, with what each adds to the next token's logit; without a run, on random tokens said twice, where only a head that looks back for the same token knows what follows.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  Which heads of the embedded model are induction heads?",
            "    inspector heads --by induction",
            "  Which heads made a run's next token?",
            "    inspector heads 20261125-003512-417-a1b2c3 --by effect"
        })
public final class HeadsCommand extends AskCommand {

    @Parameters(paramLabel = "RUN", arity = "0..1", description = "The run's id. Default: random tokens said twice.")
    String run;

    @Option(
            names = "--by",
            paramLabel = "SCORE",
            description =
                    "The highest first: previous, duplicate, induction, first, self, entropy or effect. Default: in the model's order.")
    String by;

    @Option(names = "--seed", paramLabel = "N", description = "Of the random tokens. Default: ${DEFAULT-VALUE}.")
    long seed;

    @Option(
            names = "--length",
            paramLabel = "N",
            description =
                    "Random tokens, before they are said again. Default: 50, or as many as fit the model's context twice.")
    Integer length;

    @Option(names = "--json", description = "Print JSON, as in POST /api/v1/heads and /api/v1/heads/repeated.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        if (run == null) {
            Heads.Repeated answer = inspector
                    .analyses()
                    .heads()
                    .repeated(slug(inspector), null, PrecisionPlan.of(null, null), seed, length);
            if (json) out.println(Json.write(answer));
            else table(answer.heads(), Map.of(), out);
            return;
        }
        Heads.Profiles answer = inspector.analyses().heads().profiles(run);
        if (json) {
            out.println(Json.write(answer));
            return;
        }
        LogitAttribution.Effects effects = inspector.analyses().attribution().effects(run, null, null, null);
        Map<List<Integer>, Double> adds = new HashMap<>();
        for (LogitAttribution.Part p : effects.parts()) {
            if (p.part() == LogitAttribution.Kind.HEAD) adds.put(List.of(p.layer(), p.head()), p.effect());
        }
        out.println("effect: what the head adds to the logit of '" + effects.text() + "' after the prompt\n");
        table(answer.heads(), adds, out);
    }

    private void table(List<HeadProfile> heads, Map<List<Integer>, Double> effects, PrintWriter out) {
        List<HeadProfile> sorted = new ArrayList<>(heads);
        if (by != null) sorted.sort(Comparator.comparingDouble((HeadProfile h) -> -score(h, effects)));
        List<List<String>> rows = new ArrayList<>();
        List<String> titles = new ArrayList<>(
                List.of("HEAD", "PREVIOUS", "DUPLICATE", "INDUCTION", "FIRST", "SELF", "ENTROPY", "ROLE"));
        if (!effects.isEmpty()) titles.add(1, "EFFECT");
        rows.add(titles);
        for (HeadProfile h : sorted) {
            HeadScores s = h.stripes();
            List<String> row = new ArrayList<>(List.of(
                    h.layer() + "." + h.head(),
                    number(s.previous()),
                    number(s.duplicate()),
                    number(s.induction()),
                    number(s.first()),
                    number(s.self()),
                    number(h.entropy()),
                    s.roleName()));
            if (!effects.isEmpty()) row.add(1, number(effects.get(List.of(h.layer(), h.head()))));
            rows.add(row);
        }
        Lines.table(rows, out);
    }

    private double score(HeadProfile h, Map<List<Integer>, Double> effects) {
        HeadScores s = h.stripes();
        Double score =
                switch (by) {
                    case "previous" -> s.previous();
                    case "duplicate" -> s.duplicate();
                    case "induction" -> s.induction();
                    case "first" -> s.first();
                    case "self" -> s.self();
                    case "entropy" -> h.entropy();
                    case "effect" -> effects.get(List.of(h.layer(), h.head()));
                    default ->
                        throw Problem.invalid("heads are not sorted by this")
                                .where("--by")
                                .expected("previous, duplicate, induction, first, self, entropy or effect")
                                .found('"' + by + '"');
                };
        return score == null ? Double.NEGATIVE_INFINITY : score;
    }

    private static String number(Double score) {
        return score == null ? "-" : String.format(Locale.ROOT, "%.3f", score);
    }
}
