package org.llminspector.web.cli.inspect;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgufBlock;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.WeightStatistics;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.run.models.WeightSlice;
import org.llminspector.web.cli.common.AskCommand;
import org.llminspector.web.cli.common.Lines;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Command that lists a model's weights, or shows one: values, quantized codes, a block of a GGUF file. */
@Command(
        name = "tensors",
        customSynopsis = {
            "inspector tensors [--model DIR] [--json]",
            "       inspector tensors [--model DIR] NAME [--imatrix FROM] [--json]",
            "       inspector tensors [--model DIR] NAME --scheme S [--rows A:B] [--cols A:B]",
            "       inspector tensors [--model DIR] NAME --block ROW,COL [--json]"
        },
        description = "Lists a model's weights; with NAME, how its values lie and what each quantization scheme loses.",
        footer = {
            "",
            "NAME is as the list has it, or canonical (blocks.0.attn.q.weight), which is [out, in] in every family.",
            "",
            "Examples:",
            "  inspector tensors",
            "  inspector tensors model.layers.0.self_attn.q_proj.weight",
            "  inspector tensors blocks.0.mlp.in.weight --scheme int4-g32 --rows 0:4",
            "  inspector tensors blocks.0.mlp.in.weight --block 3,40      of a GGUF file"
        })
public final class TensorsCommand extends AskCommand {

    private static final Slice FEW_ROWS = Slice.range(0, 4);
    private static final Slice FEW_COLS = Slice.range(0, 8);

    @Parameters(arity = "0..1", paramLabel = "NAME", description = "A weight.")
    String name;

    @Option(
            names = "--scheme",
            paramLabel = "S",
            description = "int8, int4-g32-asym, nf4, ...; stored for a GGUF file's own blocks.")
    String scheme;

    @Option(names = "--rows", paramLabel = "A:B", description = "Rows to show. Default: the first 4.")
    String rows;

    @Option(names = "--cols", paramLabel = "A:B", description = "Columns to show. Default: the first 8.")
    String cols;

    @Option(
            names = "--block",
            paramLabel = "ROW,COL",
            split = ",",
            hideParamSyntax = true,
            description = "The block that holds this weight.")
    List<Long> block;

    @Option(
            names = "--imatrix",
            paramLabel = "FROM",
            description = "Weigh errors by what the weight's columns read too, as 'inspector quantize' does.")
    String imatrix;

    @Option(names = "--json", description = "Print JSON, as the REST interface has it.")
    boolean json;

    @Override
    protected void ask(Inspector inspector, PrintWriter out) {
        if (name == null && (scheme != null || block != null)) {
            throw Problem.invalid("no weight is named").where("NAME").instead("'inspector tensors' lists them");
        }
        if (block != null && block.size() != 2) {
            throw Problem.invalid("this is not a row and a column")
                    .where("--block")
                    .expected("ROW,COL");
        }
        String slug = slug(inspector);
        if (name == null) list(inspector.models().weights().list(slug), out);
        else if (block != null) block(inspector.models().weights().block(slug, name, block.get(0), block.get(1)), out);
        else if (scheme != null) slice(inspector, slug, out);
        else
            statistics(
                    inspector
                            .models()
                            .weights()
                            .statistics(
                                    slug,
                                    name,
                                    QuantScheme.standard(),
                                    QuantizeCommand.importance(inspector, slug, imatrix),
                                    () -> false),
                    out);
    }

    private void list(List<ModelWeights.Entry> tensors, PrintWriter out) {
        if (json) {
            out.println(Json.write(tensors));
            return;
        }
        List<List<String>> table = new ArrayList<>();
        table.add(List.of("TENSOR", "FORMAT", "SHAPE", "SIZE", "IS"));
        for (ModelWeights.Entry t : tensors) {
            table.add(List.of(
                    t.name(),
                    t.format(),
                    t.shape().toString(),
                    ByteCount.of(t.bytes()),
                    String.join(", ", t.weights())));
        }
        Lines.table(table, out);
    }

    private void statistics(WeightStatistics s, PrintWriter out) {
        if (json) {
            out.println(Json.write(s));
            return;
        }
        out.println(String.format(
                Locale.ROOT,
                "%,d values, %,d different, %,d zeros; from %s to %s, mean %.3g, standard deviation %.3g",
                s.values(),
                s.unique(),
                s.zeros(),
                s.min(),
                s.max(),
                s.mean(),
                s.std()));
        channels("rows (outputs)", s.rows(), out);
        channels("columns (inputs)", s.columns(), out);
        out.println();
        QuantizeCommand.schemes(s.schemes(), s.importance() != null, out);
        if (s.importance() != null) QuantizeCommand.importance(s.importance(), out);
    }

    private static void channels(String what, WeightStatistics.Channels c, PrintWriter out) {
        WeightStatistics.Channel most = c.largest().get(0);
        out.println(String.format(
                Locale.ROOT,
                "%,d %s: largest weight %.3g (median); %d outliers; number %d has %.3g%s",
                c.count(),
                what,
                c.median(),
                c.outliers(),
                most.index(),
                most.max(),
                most.ratio() == null ? "" : String.format(Locale.ROOT, ", %.1f times the median", most.ratio())));
    }

    private void slice(Inspector inspector, String slug, PrintWriter out) {
        Slice r = rows != null ? Slice.parse(rows, "--rows") : json ? Slice.ALL : FEW_ROWS;
        Slice c = cols != null ? Slice.parse(cols, "--cols") : json ? Slice.ALL : FEW_COLS;
        List<Long> shape = inspector
                .models()
                .weights()
                .slice(slug, name, scheme, Slice.at(0), Slice.at(0))
                .shape();
        if (rows == null && !json && shape.get(0) < 4) r = Slice.ALL;
        if (cols == null && !json && shape.get(1) < 8) c = Slice.ALL;
        WeightSlice s = inspector.models().weights().slice(slug, name, scheme, r, c);
        if (json) {
            Map<String, Object> all = new LinkedHashMap<>();
            all.put("name", s.name());
            all.put("format", s.format());
            all.put("shape", s.shape());
            all.put("scheme", s.scheme());
            all.put("rows", s.rows());
            all.put("cols", s.cols());
            all.put("group_size", s.groupSize());
            all.put("first_group", s.firstGroup());
            s.tensors().forEach((tensor, values) -> all.put(tensor, lists(values)));
            out.println(Json.write(all));
            return;
        }
        out.println(s.name() + " " + s.shape() + ", " + s.format() + " in the file, as "
                + s.scheme().name());
        out.println(s.scheme().definition());
        matrix("values", s.values(), s, out);
        matrix("codes", s.codes(), s, out);
        plain("scales", s.scales(), out);
        plain("zero points", s.zeroPoints(), out);
        plain("mins", s.mins(), out);
        matrix("decoded", s.decoded(), s, out);
        matrix("error", s.error(), s, out);
    }

    private static float[][] lists(Tensor t) {
        float[] all = t.toFloats();
        int n = Math.toIntExact(t.shape()[1]);
        float[][] lists = new float[Math.toIntExact(t.shape()[0])][];
        for (int r = 0; r < lists.length; r++) lists[r] = Arrays.copyOfRange(all, r * n, (r + 1) * n);
        return lists;
    }

    private static void matrix(String title, Tensor t, WeightSlice s, PrintWriter out) {
        if (t == null) return;
        List<List<String>> table = new ArrayList<>();
        List<String> head = new ArrayList<>(List.of(""));
        for (int c = s.cols().get(0); c < s.cols().get(1); c++) head.add(Integer.toString(c));
        table.add(head);
        int r = s.rows().get(0);
        for (float[] values : lists(t)) {
            List<String> row = new ArrayList<>(List.of(Integer.toString(r++)));
            for (float v : values) row.add(number(v));
            table.add(row);
        }
        out.println("\n" + title);
        Lines.table(table, out);
    }

    private static void plain(String title, Tensor t, PrintWriter out) {
        if (t == null) return;
        out.println("\n" + title);
        List<List<String>> table = new ArrayList<>();
        for (float[] values : lists(t)) {
            List<String> row = new ArrayList<>();
            for (float v : values) row.add(number(v));
            table.add(row);
        }
        Lines.table(table, out);
    }

    private void block(GgufBlock b, PrintWriter out) {
        if (json) {
            out.println(Json.write(b));
            return;
        }
        out.println(String.format(
                Locale.ROOT,
                "%s in the file, %s: row %d, columns %d to %d",
                b.tensor(),
                b.type(),
                b.row(),
                b.column(),
                b.column() + b.codes().size() - 1));
        boolean mins = !b.mins().isEmpty();
        out.println(mins ? "value = scale code + min" : "value = scale code");
        for (int g = 0; g < b.scales().size(); g++) {
            out.println(String.format(
                    Locale.ROOT,
                    "%ngroup %d, scale %s%s",
                    g,
                    b.scales().get(g),
                    mins ? ", min " + b.mins().get(g) : ""));
            List<List<String>> table = new ArrayList<>();
            table.add(new ArrayList<>(List.of("CODE")));
            table.add(new ArrayList<>(List.of("VALUE")));
            for (int i = g * b.groupSize(); i < (g + 1) * b.groupSize(); i++) {
                if (table.get(0).size() == 9) {
                    Lines.table(table, out);
                    table.set(0, new ArrayList<>(List.of("CODE")));
                    table.set(1, new ArrayList<>(List.of("VALUE")));
                }
                table.get(0).add(b.codes().get(i).toString());
                table.get(1).add(number(b.values().get(i)));
            }
            Lines.table(table, out);
        }
    }

    private static String number(float v) {
        return v == (int) v ? Integer.toString((int) v) : String.format(Locale.ROOT, "%.4g", v);
    }
}
