package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Json;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Sensitivity;
import org.llminspector.web.cli.common.Lines;
import org.llminspector.web.report.ComparisonText;
import org.llminspector.web.report.CorpusText;
import org.llminspector.web.report.CostText;
import org.llminspector.web.report.LlamaCppBlock;

/** Prints a comparison as tables on a terminal. */
final class ComparisonPrinter {

    private ComparisonPrinter() {}

    /** @param activations whether to list the outliers of every matrix, and not only the worst */
    static void print(ComparisonManifest m, boolean activations, PrintWriter out) {
        if (m.verdict() != null) out.println(m.verdict().sentence());
        if (m.firstBad() != null) out.println(ComparisonText.firstBad(m));
        out.println(ComparisonText.outputs(m));
        String written = ComparisonText.continuations(m);
        if (written != null) out.println(written);
        if (m.floor() != null) out.println(ComparisonText.floor(m));
        section(out, List.<String[]>of(upper(ComparisonText.measureColumns(m))), ComparisonText.measures(m));
        if (m.text() != null && m.options().windows() == ComparisonRequest.Windows.LLAMA_CPP) {
            out.println();
            LlamaCppBlock.lines(m.text().measures()).forEach(out::println);
        }
        if (m.corpus() != null) {
            out.println();
            out.println(CorpusText.lead(m.corpus()));
            CorpusText.lines(m.corpus().divergence()).forEach(out::println);
        }
        if (m.a().cost() != null) {
            section(out, List.<String[]>of(new String[] {"COST", "A", "B", "B / A"}), CostText.rows(m));
        }
        String outliers = ComparisonText.activationsLead(m);
        if (outliers != null) {
            out.println();
            out.println(outliers);
            if (activations) {
                section(
                        out,
                        List.<String[]>of(upper(ComparisonText.activationColumns())),
                        ComparisonText.activations(m));
            }
        }
        if (m.sensitivity() != null) sensitivity(m.sensitivity(), out);
        if (!m.firsts().isEmpty()) {
            section(
                    out,
                    List.<String[]>of(new String[] {"RELATIVE L2 PAST", "FIRST AT", "POSITION", "RELATIVE L2"}),
                    ComparisonText.firsts(m));
        }
    }

    private static void sensitivity(Sensitivity s, PrintWriter out) {
        out.println();
        out.println(ComparisonText.sensitivityLead(s));
        section(out, List.<String[]>of(upper(ComparisonText.sensitivityColumns(s))), ComparisonText.sensitivity(s));
        String predicted = ComparisonText.predictedLead(s);
        if (!predicted.isEmpty()) {
            out.println();
            out.println(predicted);
        }
        if (s.plan() == null) return;
        out.println();
        out.println(ComparisonText.planLead(s));
        out.println(Json.write(s.plan().precisionPlan()));
        Sensitivity.Export export = s.plan().export();
        if (export == null || export.llmCompressorIgnore().isEmpty()) return;
        out.println();
        out.println(ComparisonText.LLAMA_QUANTIZE);
        out.println(ComparisonText.shell(export.llamaQuantize()));
        out.println();
        out.println(ComparisonText.LLM_COMPRESSOR);
        out.println(Json.write(export.llmCompressorIgnore()));
    }

    private static String[] upper(String[] head) {
        return Arrays.stream(head).map(h -> h.toUpperCase(Locale.ROOT)).toArray(String[]::new);
    }

    private static void section(PrintWriter out, List<String[]> head, List<String[]> rows) {
        out.println();
        List<List<String>> all = new ArrayList<>();
        head.forEach(r -> all.add(List.of(r)));
        rows.forEach(r -> all.add(List.of(r)));
        Lines.table(all, out);
    }
}
