package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Plural;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Inspector;
import org.llminspector.run.inspect.neurons.NeuronActivations;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that lists the tokens of a text on which one neuron activates most. */
@Command(
        name = "neuron",
        customSynopsis = "inspector neuron LAYER NEURON (--text TEXT | --file FILE) [--top N] [--json] [OPTION...]",
        description = "Reads a text, and shows where one neuron of a feed-forward part fires most.",
        footer = {
            "",
            "Examples:",
            "  inspector neuron 4 211 --text \"The fox was hungry. The bear was tired.\"",
            "  inspector neuron 4 211 --file stories.txt --top 20"
        })
final class NeuronCommand extends AskCommand {

    private static final int AROUND = 6;

    @Parameters(index = "0", paramLabel = "LAYER", description = "The layer, from 0.")
    int layer;

    @Parameters(index = "1", paramLabel = "NEURON", description = "The neuron, from 0.")
    int neuron;

    @Option(names = "--text", paramLabel = "TEXT", description = "The text, of at most 50,000 tokens.")
    String text;

    @Option(names = "--file", paramLabel = "FILE", description = "A file of UTF-8 text instead.")
    Path file;

    @Option(names = "--top", paramLabel = "N", defaultValue = "10", description = "Places to list. Default: 10.")
    int top;

    @Option(names = "--json", description = "Print JSON, as POST /api/v1/neuron/activations answers.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        if ((text == null) == (file == null)) {
            throw Problem.invalid("a text is needed")
                    .where("--text, --file")
                    .expected("one of them")
                    .found(text == null ? "neither" : "both");
        }
        String read = text != null ? text : Reads.argumentText(file, Reads.JSON);
        NeuronActivations.Activations a = inspector
                .analyses()
                .activations()
                .activations(slug(inspector), null, PrecisionPlan.of(null, null), layer, neuron, read, top, AROUND);
        if (json) {
            out.println(Json.write(a));
            return;
        }
        out.println(String.format(
                Locale.ROOT,
                "%s, layer %d, neuron %d: above 0 on %.1f %% of %s, from %.4g to %.4g%n",
                a.model(),
                layer,
                neuron,
                100 * a.firing(),
                Plural.of(a.tokens(), "token"),
                a.min(),
                a.max()));
        for (NeuronActivations.Place place : a.highest()) {
            out.println(String.format(
                    Locale.ROOT, "%10.4g  %6d  %s", place.activation(), place.position(), context(place)));
        }
    }

    /** The tokens around a position in one line, the position's own token in brackets. */
    private static String context(NeuronActivations.Place place) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < place.context().size(); i++) {
            String token = place.context().get(i).text();
            line.append(i == place.at() ? "[" + token + "]" : token);
        }
        return line.toString().lines().collect(Collectors.joining("\u21b5"));
    }
}
