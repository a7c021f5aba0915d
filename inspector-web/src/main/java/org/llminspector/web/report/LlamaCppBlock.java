package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.analysis.output.OutputMeasures.Percentile;

/** Comparison measures in the output format of {@code llama-perplexity --kl-divergence}, for direct comparison. */
public final class LlamaCppBlock {

    private LlamaCppBlock() {}

    public static List<String> lines(OutputMeasures o) {
        List<String> out = new ArrayList<>();
        out.add("====== Perplexity statistics ======");
        out.add("Mean PPL(Q)                   : " + number(o.pplB()));
        out.add("Mean PPL(base)                : " + number(o.pplA()));
        if (o.pplCorrelation() != null) {
            out.add(format("Cor(ln(PPL(Q)), ln(PPL(base))): %6.2f%%", 100 * o.pplCorrelation()));
        }
        out.add("Mean ln(PPL(Q)/PPL(base))     : " + number(o.lnPplRatio()));
        out.add("Mean PPL(Q)/PPL(base)         : " + number(o.pplRatio()));
        out.add("Mean PPL(Q)-PPL(base)         : " + number(o.pplDifference()));
        out.add("");
        out.add("====== KL divergence statistics ======");
        out.add("Mean    KLD: " + number(o.meanKld()));
        for (double p : new double[] {100, 99.9, 99, 95, 90, 50, 10, 5, 1, 0.1, 0}) {
            out.add(name(p) + " KLD: " + format("%10.6f", at(o.kld(), p)));
        }
        out.add("");
        out.add("====== Token probability statistics ======");
        out.add("Mean    Δp: " + percent(o.meanDeltaP()));
        for (double p : new double[] {100, 99.9, 99, 95, 90, 75, 50, 25, 10, 5, 1, 0.1, 0}) {
            out.add(name(p) + " Δp: " + format("%6.3f%%", 100 * at(o.deltaP(), p)));
        }
        out.add("RMS Δp    : " + percent(o.rmsDeltaP()));
        out.add("Same top p: " + percent(o.sameTop()));
        return out;
    }

    private static String name(double percent) {
        if (percent == 100) return "Maximum";
        if (percent == 50) return "Median ";
        if (percent == 0) return "Minimum";
        return format("%4.1f%%  ", percent);
    }

    private static double at(List<Percentile> all, double percent) {
        return all.stream()
                .filter(p -> p.percent() == percent)
                .findFirst()
                .orElseThrow()
                .value();
    }

    private static String number(Estimate e) {
        return format("%10.6f ± %10.6f", e.value(), e.error() == null ? 0 : e.error());
    }

    private static String percent(Estimate e) {
        return format("%6.3f ± %5.3f %%", 100 * e.value(), 100 * (e.error() == null ? 0 : e.error()));
    }

    private static String format(String pattern, Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }
}
