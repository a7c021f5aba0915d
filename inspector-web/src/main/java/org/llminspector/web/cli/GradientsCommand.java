package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.Gradients;
import org.llminspector.run.Inspector;
import org.llminspector.run.learn.GradientsAnswer;
import org.llminspector.run.learn.GradientsRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that runs a text forwards and backwards and prints the gradients of the loss. */
@Command(
        name = "gradients",
        customSynopsis = "inspector gradients --prompt TEXT [--hook PATTERN] [--out FILE] [OPTION...]",
        description = "Differentiates a model's loss on a text by its weights and by the values on the way to it.",
        sortOptions = false,
        footer = {
            "",
            "Examples:",
            "  inspector gradients --prompt \"Once upon\" --hook 'blocks.*.hook_resid_post'",
            "  inspector gradients --prompt \"The cat\" --target 262 --of logit \\",
            "    --hook hook_embed --out gradients.safetensors"
        })
final class GradientsCommand extends AskCommand {

    @Option(names = "--prompt", paramLabel = "TEXT", description = "The text.")
    String prompt;

    @Option(names = "--tokens", split = ",", paramLabel = "ID", description = "Token ids instead of a text.")
    List<Integer> tokens;

    @Option(
            names = "--target",
            paramLabel = "ID",
            description = "A token after the last one; may be repeated. Default: every next token of the text.")
    List<Integer> targets;

    @Option(names = "--of", paramLabel = "WHAT", description = "nll or logit of the targets. Default: nll.")
    Of of;

    @Option(names = "--hook", paramLabel = "PATTERN", description = "Differentiate by these values too; repeatable.")
    List<String> hooks;

    @Option(names = "--out", paramLabel = "FILE", description = "Write the gradients at the hooks as safetensors.")
    Path out;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/gradients answers.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter print) {
        if (out != null && hooks == null) {
            throw Problem.invalid("there is nothing to write")
                    .where("--out " + out)
                    .instead("name hooks with --hook");
        }
        List<GradientsRequest.Target> chosen = targets == null
                ? null
                : targets.stream()
                        .map(t -> new GradientsRequest.Target(-1, t, of, null))
                        .toList();
        GradientsAnswer answer = inspector
                .training()
                .learning()
                .gradients(new GradientsRequest(
                        places.slug(), null, prompt, tokens, null, null, chosen, hooks, null, null));
        if (out != null) SafetensorsWriter.write(out, answer.tensors(), Map.of("model", answer.model()));
        if (json) print.println(Json.write(answer));
        else tables(answer, print);
    }

    private static void tables(GradientsAnswer answer, PrintWriter print) {
        print.println(String.format(
                Locale.ROOT,
                "%s, %s, %s: %.6f%n",
                answer.model(),
                Plural.of(answer.tokens().size(), "token"),
                Plural.of(answer.targets().size(), "target"),
                answer.value()));
        if (!answer.hooks().isEmpty()) {
            List<List<String>> rows = new ArrayList<>();
            rows.add(List.of("HOOK", "SHAPE", "NORM", "LARGEST"));
            for (GradientsAnswer.HookGradient h : answer.hooks()) {
                rows.add(List.of(h.hook(), h.shape().toString(), number(h.norm()), number(h.maxAbs())));
            }
            Lines.table(rows, print);
            print.println();
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("WEIGHT", "SHAPE", "NORM", "LARGEST", "WEIGHT'S NORM"));
        for (Gradients.ParameterGradient p : answer.parameters()) {
            rows.add(List.of(
                    p.name(), p.shape().toString(), number(p.norm()), number(p.maxAbs()), number(p.weightNorm())));
        }
        Lines.table(rows, print);
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.4g", value);
    }
}
