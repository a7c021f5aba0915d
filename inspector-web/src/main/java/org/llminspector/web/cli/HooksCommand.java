package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.HookDescription;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that lists a model's hooks. */
@Command(
        name = "hooks",
        customSynopsis = "inspector hooks [--model DIR] [--json] [OPTION...]",
        description = "Lists every value of a model that can be captured or changed; {i} stands for the layer.",
        footer = {
            "",
            "Patterns of 'inspector run --capture' are these names or globs:",
            "  blocks.*.attn.hook_pattern    every layer's attention",
            "  blocks.3.*                    everything in layer 3",
            "  '*'                           everything there is"
        })
final class HooksCommand extends AskCommand {

    @Option(names = "--engine", paramLabel = "NAME", description = "torch, onnx. Default: torch; onnx for .onnx.")
    String engine;

    @Option(names = "--json", description = "Print JSON, as in GET /api/v1/models/{slug}/hooks.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        String slug = slug(inspector);
        List<HookDescription> hooks = inspector.models().hooks(slug, engine);
        if (json) {
            out.println(Json.write(hooks));
        } else {
            int layers = inspector.models().details(slug).spec().nLayers();
            out.println(slug + ", " + Plural.of(layers, "layer") + "\n");
            table(hooks, layers, out);
        }
    }

    private static void table(List<HookDescription> hooks, int layers, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("HOOK", "SHAPE", "WHAT"));
        for (HookDescription h : hooks) {
            String shape = h.shape().stream().map(String::valueOf).collect(Collectors.joining(", ", "[", "]"));
            rows.add(List.of(h.name(), h.available() ? shape : "-", what(h, layers)));
        }
        Lines.table(rows, out);
    }

    private static String what(HookDescription h, int layers) {
        if (!h.available()) return "not here: " + h.why();
        boolean everywhere = h.layers().isEmpty() || h.layers().size() == layers;
        return everywhere
                ? h.doc()
                : h.doc() + " (not in " + (layers - h.layers().size()) + " of the layers)";
    }
}
