package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.quant.QuantError;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.SchemeInfo;
import org.llminspector.quant.SchemeResult;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.ModelWeights;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that reports a quantization scheme's error on every weight of a model; it writes no model. */
@Command(
        name = "quantize",
        customSynopsis = "inspector quantize [--model DIR] [--scheme S] [--top N] [--json] [OPTION...]",
        description =
                "Says what a quantization scheme loses and saves in every weight of a model, the weights that lose most"
                        + " first. Without --scheme, the schemes that there are. No model is written.",
        footer = {
            "",
            "Columns:",
            "  SQNR      10 log10(|w|^2 / |w - w'|^2), dB: 6 dB are about one bit",
            "  RELATIVE  |w - w'| / |w|",
            "  BITS      per weight, with scales and zero points",
            "",
            "Matrices are quantized; vectors (norms, biases) are counted as the file has them.",
            "",
            "Examples:",
            "  inspector quantize --scheme int8",
            "  inspector quantize --model ./my-model --scheme int4-g32-asym --top 20"
        })
final class QuantizeCommand extends AskCommand {

    @Option(names = "--scheme", paramLabel = "S", description = "int8, int3-tensor, int4-g128-asym, nf4, bf16, ...")
    String scheme;

    @Option(names = "--top", paramLabel = "N", description = "Show only the N weights that lose most.")
    int top = Integer.MAX_VALUE;

    @Option(names = "--json", description = "Print JSON, as in GET /api/v1/models/{slug}/quantization.")
    boolean json;

    @Override
    void ask(Inspector inspector, PrintWriter out) {
        if (scheme == null) {
            if (json) out.println(Json.write(ModelWeights.schemes()));
            else definitions(out);
            return;
        }
        QuantScheme chosen = QuantScheme.of(scheme);
        String slug = slug(inspector);
        Progress progress = new Progress(err(), json);
        QuantReport report = inspector
                .models()
                .weights()
                .report(
                        slug,
                        chosen,
                        p -> progress.show(p.done() + " of " + p.of() + " weights"),
                        Thread.currentThread()::isInterrupted);
        progress.clear();
        if (json) out.println(Json.write(report));
        else report(slug, report, out);
    }

    private static void definitions(PrintWriter out) {
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("SCHEME", "BITS", "WHAT IT DOES TO A WEIGHT w"));
        for (SchemeInfo s : ModelWeights.schemes()) table.add(List.of(s.name(), "" + s.bits(), s.definition()));
        Lines.table(table, out);
        out.println(
                "\nint8 is int8-channel, int4 is int4-g32; intB-tensor, intB-channel and intB-gN, with -asym or without, take B from 2 to 8.");
    }

    private void report(String slug, QuantReport r, PrintWriter out) {
        out.println(slug + " as " + r.scheme().name() + ": " + r.scheme().definition());
        out.println(String.format(
                Locale.ROOT,
                "%s parameters: %s in the file, %s so, %.2f bits per weight; SQNR %s, relative error %.3g",
                Lines.count(r.parameters()),
                ByteCount.of(r.storedBytes()),
                ByteCount.of(r.bytes()),
                r.bitsPerWeight(),
                decibels(r.error().sqnrDb()),
                r.error().relative()));
        out.println();
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("WEIGHT", "FORMAT", "SHAPE", "SIZE", "SO", "BITS", "SQNR", "RELATIVE", "MAX ERROR"));
        for (QuantReport.Row w : r.weights()) {
            if (table.size() > top) break;
            QuantError e = w.error();
            String kept = w.refused() == null ? "kept" : "refused";
            table.add(List.of(
                    w.name(),
                    w.format(),
                    w.shape().toString(),
                    ByteCount.of(w.storedBytes()),
                    ByteCount.of(w.bytes()),
                    String.format(Locale.ROOT, "%.2f", w.bitsPerWeight()),
                    e == null ? kept : decibels(e.sqnrDb()),
                    e == null ? "" : String.format(Locale.ROOT, "%.3g", e.relative()),
                    e == null ? "" : String.format(Locale.ROOT, "%.3g", e.max())));
        }
        Lines.table(table, out);
        for (QuantReport.Row w : r.weights()) {
            if (w.refused() != null) out.println("\n" + w.name() + " was refused: " + w.refused());
        }
    }

    /** Prints one weight's errors under several schemes. */
    static void schemes(List<SchemeResult> results, PrintWriter out) {
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("SCHEME", "SIZE", "BITS", "SQNR", "RELATIVE", "RMS", "MAX ERROR", "COSINE", "CODES"));
        for (SchemeResult r : results) {
            QuantError e = r.error();
            table.add(List.of(
                    r.scheme().name(),
                    ByteCount.of(r.bytes()),
                    String.format(Locale.ROOT, "%.2f", r.bitsPerWeight()),
                    e == null ? "refused" : decibels(e.sqnrDb()),
                    e == null ? "" : String.format(Locale.ROOT, "%.3g", e.relative()),
                    e == null ? "" : String.format(Locale.ROOT, "%.3g", e.rms()),
                    e == null ? "" : String.format(Locale.ROOT, "%.3g", e.max()),
                    e == null ? "" : String.format(Locale.ROOT, "%.6f", e.cosine()),
                    r.codes().isEmpty() ? "" : Integer.toString(r.codes().size())));
        }
        Lines.table(table, out);
        for (SchemeResult r : results) {
            if (r.refused() != null) out.println("\n" + r.scheme().name() + " cannot: " + r.refused());
        }
    }

    private static String decibels(Double db) {
        return db == null ? "lossless" : String.format(Locale.ROOT, "%.1f dB", db);
    }
}
