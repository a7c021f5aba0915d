package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.run.Inspector;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** ModelsCommand lists the models of this machine. */
@Command(
        name = "models",
        customSynopsis = "inspector models [--json] [OPTION...]",
        description = "Lists the models on this machine; * is the one that is meant when none is named.",
        footer = {
            "",
            "Looks into ./model-cache (or LLM_INSPECTOR_MODELS), ~/.llm-inspector/trained",
            "and the Hugging Face cache (HF_HUB_CACHE, HF_HOME)."
        })
final class ModelsCommand extends AskCommand {

    @Option(names = "--json", description = "Print JSON, as in GET /api/v1/models.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        List<Inspector.ModelSummary> models = inspector.models();
        if (json) {
            out.println(Json.write(models));
        } else if (models.isEmpty()) {
            out.println("There is no model here. Put a folder with config.json and *.safetensors into ./model-cache.");
        } else {
            table(models, out);
        }
    }

    private static void table(List<Inspector.ModelSummary> models, PrintWriter out) {
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("  MODEL", "FAMILY", "LAYERS", "WIDTH", "PARAMETERS", "SIZE", "TOKENIZER", "FOLDER"));
        for (Inspector.ModelSummary m : models) {
            String name = (m.isDefault() ? "* " : "  ") + m.slug();
            rows.add(
                    m.trouble() != null
                            ? List.of(name, "-", "-", "-", "-", "-", "-", m.path())
                            : List.of(
                                    name,
                                    m.family(),
                                    Integer.toString(m.nLayers()),
                                    Integer.toString(m.dModel()),
                                    Lines.count(m.parameters()),
                                    ByteCount.of(m.bytes()),
                                    m.hasTokenizer() ? "yes" : "no",
                                    m.path()));
        }
        Lines.table(rows, out);
        for (Inspector.ModelSummary m : models) {
            if (m.trouble() != null) out.println("\n" + m.slug() + " cannot be opened: " + m.trouble());
        }
    }
}
