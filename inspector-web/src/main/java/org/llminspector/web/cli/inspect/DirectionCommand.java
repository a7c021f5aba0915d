package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.Directions.Direction;
import org.llminspector.run.request.RunRequest;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.EngineFlags;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Command that makes the direction between two groups of texts, and an intervention along it. */
@Command(
        name = "direction",
        customSynopsis =
                "inspector direction --positive TEXT... --negative TEXT... --hook HOOK [--as OP --value X] [OPTION...]",
        description =
                "The difference of the means of two groups of texts at a hook, and each text's component along it.",
        footer = {
            "",
            "A TEXT may be @FILE: a text a line.",
            "",
            "Example:",
            "  inspector run --prompt 'Once upon a time there lived a' --intervene \"$(inspector direction"
                    + " --positive 'a kind girl named Anna. She' --negative 'a kind boy named Tom. He'"
                    + " --hook blocks.2.hook_resid_post --as add_along --value -0.4)\""
        })
public final class DirectionCommand extends AskCommand {

    @Option(
            names = "--positive",
            arity = "1..*",
            required = true,
            paramLabel = "TEXT",
            description = "Texts it leads to.")
    List<String> positive;

    @Option(
            names = "--negative",
            arity = "1..*",
            required = true,
            paramLabel = "TEXT",
            description = "Texts it leads away from.")
    List<String> negative;

    @Option(
            names = "--hook",
            required = true,
            paramLabel = "HOOK",
            description = "One with a vector a position, such as blocks.2.hook_resid_post.")
    String hook;

    @Option(
            names = "--pos",
            paramLabel = "N",
            defaultValue = "-1",
            description = "Position of each text, negative from its end. Default: -1.")
    int pos;

    @Option(
            names = "--as",
            paramLabel = "OP",
            description = "Print an intervention for --intervene instead: scale_along, cap_along, add_along or add.")
    String as;

    @Option(names = "--value", paramLabel = "X", description = "The number of that intervention.")
    Double value;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/directions answers.")
    boolean json;

    @Mixin
    EngineFlags engine;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        Intervention.Op op = op();
        RunRequest how = engine.of(RunRequest.builder().model(slug(inspector))).build();
        List<String> to = texts(positive);
        List<String> from = texts(negative);
        Direction d = inspector.analyses().directions().differenceOfMeans(how, requests(to), requests(from), hook, pos);
        if (op != null) {
            out.println(Json.write(InterventionBuilder.builder()
                    .hook(d.hook())
                    .op(op)
                    .value(value)
                    .values(d.values().stream().map(Float::doubleValue).toList())
                    .build()));
            return;
        }
        if (json) {
            out.println(Json.write(d));
            return;
        }
        out.printf(
                Locale.ROOT,
                "%s: a difference of norm %.3f between vectors of mean norm %.3f.%n",
                d.hook(),
                d.norm(),
                d.meanNorm());
        List<List<String>> rows = new ArrayList<>(List.of(List.of("COMPONENT", "GROUP", "TEXT")));
        rows(rows, d.positive(), "positive", to);
        rows(rows, d.negative(), "negative", from);
        Lines.table(rows, out);
    }

    private static void rows(List<List<String>> rows, List<Double> along, String group, List<String> texts) {
        for (int i = 0; i < texts.size(); i++) {
            rows.add(List.of(String.format(Locale.ROOT, "%.3f", along.get(i)), group, Problem.shown(texts.get(i))));
        }
    }

    /** Null where none is to be printed. */
    private Intervention.Op op() {
        if (as == null) return null;
        for (Intervention.Op op : Intervention.Op.values()) {
            boolean takes = op.along() ? value != null : op == Intervention.Op.ADD && value == null;
            if (op.label().equals(as) && takes) return op;
        }
        throw Problem.invalid("the intervention does not fit")
                .where("--as")
                .expected(Arrays.stream(Intervention.Op.values())
                                .filter(Intervention.Op::along)
                                .map(Intervention.Op::label)
                                .collect(Collectors.joining(", "))
                        + " with --value, or add without")
                .found(as + (value == null ? " without --value" : " and --value " + value));
    }

    private static List<RunRequest> requests(List<String> texts) {
        return texts.stream().map(t -> RunRequest.builder().prompt(t).build()).toList();
    }

    private static List<String> texts(List<String> arguments) {
        List<String> all = new ArrayList<>();
        for (String argument : arguments) {
            if (!argument.startsWith("@")) all.add(argument);
            else
                new String(Reads.argument(Path.of(argument.substring(1)), Reads.JSON), StandardCharsets.UTF_8)
                        .lines()
                        .filter(line -> !line.isBlank())
                        .forEach(all::add);
        }
        return all;
    }
}
