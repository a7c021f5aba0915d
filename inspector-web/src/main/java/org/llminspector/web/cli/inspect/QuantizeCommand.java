package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.quant.Importance;
import org.llminspector.quant.QuantError;
import org.llminspector.quant.QuantReport;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.SchemeInfo;
import org.llminspector.quant.SchemeResult;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.cli.common.Progress;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Command that reports a quantization scheme's error on every weight of a model; it writes no model. */
@Command(
        name = "quantize",
        customSynopsis =
                "inspector quantize [--model DIR] [--scheme S] [--imatrix FROM] [--top N] [--json] [OPTION...]",
        description =
                "Says what a quantization scheme loses and saves in every weight of a model, the weights that lose most"
                        + " first. Without --scheme, the schemes that there are. No model is written.",
        footer = {
            "",
            "Columns:",
            "  SQNR      10 log10(|w|^2 / |w - w'|^2), dB: 6 dB are about one bit",
            "  RELATIVE  |w - w'| / |w|",
            "  OUTPUTS   with --imatrix: the same of the weight's outputs, were its inputs uncorrelated; 20 log10 of",
            "            sqrt(sum a_j w_ij^2 / sum a_j (w_ij - w'_ij)^2), a_j the mean square of input j over the corpus",
            "  BITS      per weight, with scales and zero points",
            "",
            "Matrices are quantized; vectors (norms, biases) are counted as the file has them.",
            "",
            "Examples:",
            "  inspector quantize --scheme int8",
            "  inspector quantize --model ./my-model --scheme int4-g32-asym --top 20",
            "  inspector quantize --scheme int4 --imatrix ./sweep      a sweep's folder, or imatrix.gguf"
        })
public final class QuantizeCommand extends AskCommand {

    @Option(names = "--scheme", paramLabel = "S", description = "int8, int3-tensor, int4-g128-asym, nf4, bf16, ...")
    String scheme;

    @Option(
            names = "--imatrix",
            paramLabel = "FROM",
            description = "Weigh errors by what the matrices read too: newest (sweep of the model), a sweep's id or"
                    + " folder, an imatrix.gguf.")
    String imatrix;

    @Option(names = "--top", paramLabel = "N", description = "Show only the N weights that lose most.")
    int top = Integer.MAX_VALUE;

    @Option(names = "--json", description = "Print JSON, as in GET /api/v1/models/{slug}/quantization.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        if (scheme == null) {
            if (json) out.println(Json.write(ModelWeights.schemes()));
            else definitions(out);
            return;
        }
        QuantScheme chosen = QuantScheme.of(scheme);
        String slug = slug(inspector);
        Importance importance = importance(inspector, slug, imatrix);
        Progress progress = new Progress(err(), json);
        QuantReport report = inspector
                .models()
                .weights()
                .report(
                        slug,
                        chosen,
                        importance,
                        p -> progress.show(p.done() + " of " + p.of() + " weights"),
                        Thread.currentThread()::isInterrupted);
        progress.clear();
        if (json) out.println(Json.write(report));
        else report(slug, report, out);
    }

    /** By which errors are weighted too; null where none is asked for. */
    static Importance importance(Inspector inspector, String slug, String from) {
        if (from == null) return null;
        return inspector.importances().at(slug, from, Thread.currentThread()::isInterrupted);
    }

    /** Where an importance is from, and of what it says nothing. */
    static void importance(Importance.From from, PrintWriter out) {
        out.println(String.format(
                Locale.ROOT,
                "OUTPUTS: errors weighted by what each column read over %s tokens of %s (%s)",
                Lines.count(from.tokens()),
                from.corpora().isEmpty() ? "a corpus" : String.join(", ", from.corpora()),
                from.source()));
        if (!from.without().isEmpty()) out.println("It says nothing of " + String.join(", ", from.without()) + ".");
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
        if (r.error().weighted() != null)
            out.println(String.format(
                    Locale.ROOT,
                    "of their outputs: SQNR %s, relative error %.3g",
                    decibels(r.error().weighted().sqnrDb()),
                    r.error().weighted().relative()));
        out.println();
        List<List<String>> table = new ArrayList<>();
        boolean weighted = r.importance() != null;
        table.add(columns(
                weighted,
                List.of("WEIGHT", "FORMAT", "SHAPE", "SIZE", "SO", "BITS", "SQNR", "RELATIVE", "MAX ERROR"),
                "OUTPUTS"));
        for (QuantReport.Row w : r.weights()) {
            if (table.size() > top) break;
            QuantError e = w.error();
            String kept = w.refused() == null ? "kept" : "refused";
            table.add(columns(
                    weighted,
                    List.of(
                            w.name(),
                            w.format(),
                            w.shape().toString(),
                            ByteCount.of(w.storedBytes()),
                            ByteCount.of(w.bytes()),
                            String.format(Locale.ROOT, "%.2f", w.bitsPerWeight()),
                            e == null ? kept : decibels(e.sqnrDb()),
                            e == null ? "" : String.format(Locale.ROOT, "%.3g", e.relative()),
                            e == null ? "" : String.format(Locale.ROOT, "%.3g", e.max())),
                    outputs(e)));
        }
        Lines.table(table, out);
        if (weighted) {
            out.println();
            importance(r.importance(), out);
        }
        for (QuantReport.Row w : r.weights()) {
            if (w.refused() != null) out.println("\n" + w.name() + " was refused: " + w.refused());
        }
    }

    /** Prints one weight's errors under several schemes. */
    static void schemes(List<SchemeResult> results, boolean weighted, PrintWriter out) {
        List<List<String>> table = new ArrayList<>();
        table.add(columns(
                weighted,
                List.of("SCHEME", "SIZE", "BITS", "SQNR", "RELATIVE", "RMS", "MAX ERROR", "COSINE", "CODES"),
                "OUTPUTS"));
        for (SchemeResult r : results) {
            QuantError e = r.error();
            table.add(columns(
                    weighted,
                    List.of(
                            r.scheme().name(),
                            ByteCount.of(r.bytes()),
                            String.format(Locale.ROOT, "%.2f", r.bitsPerWeight()),
                            e == null ? "refused" : decibels(e.sqnrDb()),
                            e == null ? "" : String.format(Locale.ROOT, "%.3g", e.relative()),
                            e == null ? "" : String.format(Locale.ROOT, "%.3g", e.rms()),
                            e == null ? "" : String.format(Locale.ROOT, "%.3g", e.max()),
                            e == null ? "" : String.format(Locale.ROOT, "%.6f", e.cosine()),
                            r.codes().isEmpty()
                                    ? ""
                                    : Integer.toString(r.codes().size())),
                    outputs(e)));
        }
        Lines.table(table, out);
        for (SchemeResult r : results) {
            if (r.refused() != null) out.println("\n" + r.scheme().name() + " cannot: " + r.refused());
        }
    }

    private static List<String> columns(boolean weighted, List<String> cells, String last) {
        if (!weighted) return cells;
        List<String> more = new ArrayList<>(cells);
        more.add(last);
        return more;
    }

    private static String outputs(QuantError e) {
        if (e == null) return "";
        return e.weighted() == null ? "not known" : decibels(e.weighted().sqnrDb());
    }

    private static String decibels(Double db) {
        return db == null ? "lossless" : String.format(Locale.ROOT, "%.1f dB", db);
    }
}
