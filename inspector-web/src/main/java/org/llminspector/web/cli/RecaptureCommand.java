package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.run.Inspector;
import org.llminspector.run.replay.RecapturePlan;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.store.RunManifest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that replays a stored run's tokens to capture further hooks. */
@Command(
        name = "recapture",
        customSynopsis = "inspector recapture RUN --capture HOOKS [--positions SLICE] [--dry-run] [OPTION...]",
        description =
                "Reads a kept run's own tokens again, on the same engine with the same changes, and adds to it what it did not capture.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  How much would every attention pattern take?",
            "    inspector recapture 20261125-003512-417-a1b2c3 --capture 'blocks.*.attn.hook_pattern' --dry-run",
            "  What the last position saw:",
            "    inspector recapture 20261125-003512-417-a1b2c3 --capture '*' --positions=-1"
        })
final class RecaptureCommand extends AskCommand {

    @Parameters(paramLabel = "RUN", description = "The run's id, as 'inspector run' said it.")
    String run;

    @Option(
            names = "--capture",
            paramLabel = "HOOKS",
            split = ",",
            required = true,
            description = "Hooks to add, names or globs, comma separated; may be repeated.")
    List<String> capture;

    @Option(
            names = "--positions",
            paramLabel = "SLICE",
            description = "Positions to keep, such as 3, -1 or 2:5. Default: all.")
    String positions;

    @Option(
            names = "--max-bytes",
            paramLabel = "SIZE",
            converter = ByteSize.class,
            description = "Refuse to keep more. Default: the capture budget.")
    Long maxBytes;

    @Option(names = "--dry-run", description = "Only say what would be read, and how many bytes it would take.")
    boolean dryRun;

    @Option(names = "--json", description = "Print JSON: the manifest, or the plan.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        RecaptureRequest request = new RecaptureRequest(capture, positions, maxBytes);
        if (dryRun) {
            RecapturePlan plan = inspector.runs().recaptures().plan(run, request);
            out.println(
                    json
                            ? Json.write(plan)
                            : Plural.of(plan.hooks().size(), "hook") + " to read, " + ByteCount.of(plan.bytes())
                                    + " of at most " + ByteCount.of(plan.budgetBytes()));
            return;
        }
        int before = inspector.runs().stored().manifest(run).recaptures().size();
        RunManifest extended = inspector.runs().recaptures().extend(run, request);
        if (json) out.println(Json.write(extended));
        else if (extended.recaptures().size() == before) out.println("the run has it all");
        else out.println(summary(extended.recaptures().get(extended.recaptures().size() - 1)));
    }

    private static String summary(RunManifest.Recapture e) {
        String agreement = e.agreement() == null
                ? "nothing to compare its logits with"
                : e.agreement().bitEqual()
                        ? "logits equal bit for bit"
                        : String.format(
                                Locale.ROOT,
                                "logits differ by %.2g at most",
                                e.agreement().maxAbsDifference());
        return String.format(
                Locale.ROOT,
                "%s added, %s, %.0f ms, %s",
                Plural.of(e.hooks().size(), "hook"),
                e.engine().form(),
                e.ms(),
                agreement);
    }
}
