package org.llminspector.web.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.Forms;
import org.llminspector.run.models.Models;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that lists the models on this machine. */
@Command(
        name = "models",
        customSynopsis = "inspector models [--check DIR] [--json] [OPTION...]",
        description =
                "Lists the models on this machine; * is the one that is meant when none is named. Or says of one whether it"
                        + " would open.",
        footer = {
            "",
            "Looks into ./model-cache (or LLM_INSPECTOR_MODELS), ~/.llm-inspector/trained",
            "and the Hugging Face cache (HF_HUB_CACHE, HF_HOME)."
        })
final class ModelsCommand extends AskCommand {

    @Option(names = "--json", description = "Print JSON, as in GET /api/v1/models.")
    boolean json;

    @Option(
            names = "--check",
            paramLabel = "DIR",
            description =
                    "Say of this model alone in which engines and precisions it would open here, and in how much memory, or"
                            + " which field is in the way; of a mixture how many parameters a token uses, of a hybrid which"
                            + " layers are which. Reads its config and the headers of its files: a folder, a .gguf or"
                            + " .onnx file, or a name.")
    String check;

    @Override
    public Integer call() throws IOException {
        if (check != null) check = places.slug(check); // before the places are opened
        return super.call();
    }

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        if (check != null) {
            Forms forms = inspector.models().forms(check);
            if (json) out.println(Json.write(forms));
            else print(forms, out);
            return;
        }
        List<Models.ModelSummary> models = inspector.models().list();
        if (json) {
            out.println(Json.write(models));
        } else if (models.isEmpty()) {
            out.println("There is no model here. Put a folder with config.json and *.safetensors into ./model-cache.");
        } else {
            table(inspector, models, out);
        }
    }

    private static void print(Forms f, PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%s opens: %s, %s parameters%s, %d layers, d_model %d, context %,d, %s on disk%s.%n",
                f.slug(),
                f.family(),
                Lines.count(f.parameters()),
                f.activeParameters() == null ? "" : " (" + Lines.count(f.activeParameters()) + " active a token)",
                f.nLayers(),
                f.dModel(),
                f.maxContext(),
                ByteCount.of(f.bytes()),
                f.hasTokenizer() ? "" : ", without a tokenizer: it takes token ids");
        if (f.layers().size() > 1 || !f.layers().get(0).kind().equals("attention"))
            out.println(f.layers().stream()
                    .map(kind -> kind.kind() + ": " + kind.ranges())
                    .collect(Collectors.joining("; ", "Layers: ", ".")));
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("ENGINE", "PRECISION", "MEMORY", "(beside what stays in the mapped file)"));
        for (Forms.Form form : f.forms()) {
            rows.add(List.of(
                    form.engine(),
                    form.precision().label(),
                    form.bytes() == null ? "-" : ByteCount.of(form.bytes()),
                    form.trouble() != null
                            ? form.trouble()
                            : form.fits() ? "" : "more than the memory for open models (--memory)"));
        }
        Lines.table(rows, out);
    }

    private static void table(Inspector inspector, List<Models.ModelSummary> models, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("  MODEL", "FAMILY", "LAYERS", "WIDTH", "PARAMETERS", "SIZE", "TOKENIZER", "FOLDER"));
        for (Models.ModelSummary m : models) {
            String name = (m.isDefault() ? "* " : "  ") + m.slug();
            String path = inspector.models().path(m.slug()).toString();
            rows.add(
                    m.trouble() != null
                            ? List.of(name, "-", "-", "-", "-", "-", "-", path)
                            : List.of(
                                    name,
                                    m.family(),
                                    Integer.toString(m.nLayers()),
                                    Integer.toString(m.dModel()),
                                    Lines.count(m.parameters()),
                                    ByteCount.of(m.bytes()),
                                    m.hasTokenizer() ? "yes" : "no",
                                    path));
        }
        Lines.table(rows, out);
        for (Models.ModelSummary m : models) {
            if (m.trouble() != null) out.println("\n" + m.slug() + " cannot be opened: " + m.trouble());
        }
    }
}
