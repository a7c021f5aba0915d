package org.llminspector.web.report;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.llminspector.analysis.output.OutputMeasures;
import org.llminspector.analysis.output.OutputMeasures.Estimate;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Plural;
import org.llminspector.run.request.SensitivityRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Sensitivity;
import org.llminspector.tokenize.Token;

/** Texts and table rows of a comparison's findings. */
public final class ComparisonText {

    /** Introduction of the plan's arguments for llama-quantize. */
    public static final String LLAMA_QUANTIZE =
            "What the plan keeps high, for llama-quantize, before the names of the files and a type of few bits:";

    public static final String LLM_COMPRESSOR = "The same as \"ignore\" of llm-compressor's modifiers:";

    private ComparisonText() {}

    /** Formats shell arguments, two per line, each second one quoted. */
    public static String shell(List<String> arguments) {
        StringBuilder lines = new StringBuilder();
        for (int i = 0; i < arguments.size(); i += 2) {
            if (i > 0) lines.append(" \\\n");
            lines.append(arguments.get(i))
                    .append(" '")
                    .append(arguments.get(i + 1))
                    .append('\'');
        }
        return lines.toString();
    }

    /** What both sides write after the prompt, and where they part; null where they were not asked to. */
    public static String continuations(ComparisonManifest m) {
        ComparisonManifest.Continuations c = m.continuations();
        if (c == null || c.a().isEmpty()) return null;
        String a = text(c.a());
        if (c.firstDifference() == null) return "Both write " + a + ".";
        String tie = c.nearTie() == null || !c.nearTie()
                ? ""
                : ": a near tie, as reading the prompt twice changes a logit by " + Html.number(c.noise());
        String margin = c.margin() == null
                ? ""
                : ", where A prefers its own token by " + Html.number(c.margin()) + " nats" + tie;
        return "A writes " + a + ", B " + text(c.b()) + ". They part at token " + (c.firstDifference() + 1) + margin
                + ".";
    }

    private static String text(List<Token> tokens) {
        String text = tokens.stream().map(Token::text).collect(Collectors.joining());
        return '"' + text.replace("\n", "↵").replace("\r", "␍") + '"';
    }

    /** The first difference and the outputs' divergence in two sentences. */
    public static String outputs(ComparisonManifest m) {
        OutputMeasures o = m.text() == null ? m.prompt() : m.text().measures();
        ComparisonManifest.First any = m.firsts().isEmpty() ? null : m.firsts().get(0);
        StringBuilder words = new StringBuilder();
        if (any != null) {
            words.append(
                    any.hook() == null
                            ? "No compared value differs, not by a bit. "
                            : "The first difference is at " + any.hook().name() + ", position " + any.position()
                                    + ". ");
        }
        if (o == null) return words.toString();
        words.append("Over ")
                .append(Plural.of(o.positions(), m.text() == null ? "position" : "token"))
                .append(m.text() == null ? " of the prompt" : " of the text");
        words.append(" B's next-token distributions lie ")
                .append(Html.number(o.meanKld().value()))
                .append(" nats from A's on average, and both find the same token most probable ")
                .append(Html.percent(o.sameTop().value()))
                .append(" of the time.");
        if (o.pplRatio() != null) {
            words.append(" Perplexity: B's is ")
                    .append(estimate(o.pplRatio(), 5))
                    .append(" times A's ")
                    .append(estimate(o.pplA(), 3))
                    .append('.');
        }
        return words.toString();
    }

    /** The first bad position in a line; null without a prompt. */
    public static String firstBad(ComparisonManifest m) {
        ComparisonManifest.FirstBad bad = m.firstBad();
        if (bad == null) return null;
        String factor = String.format(Locale.ROOT, "%.4g", bad.factor()).replaceAll("\\.?0+$", "");
        boolean made = bad.basis().equals("made");
        if (bad.hook() == null) {
            return "First bad place: none. Nothing that B " + (made ? "makes itself" : "computes") + " stands above "
                    + factor + " times the noise floor.";
        }
        String over = bad.distanceAll() == null
                ? ""
                : "; over all positions " + Html.number(bad.distanceAll()) + ", "
                        + Html.number(bad.distanceAll() / bad.floor()) + " times the noise floor";
        String line = "First bad place: " + bad.hook().name() + ", position " + bad.position() + ". "
                + (made ? "B's own error there, on A's inputs, is " : "The error there is ")
                + (bad.distance() == null ? "no number" : Html.number(bad.distance())) + " of A's length" + over
                + ". No hook before it passes " + factor + " times" + (made ? " by what B makes itself." : ".");
        ComparisonManifest.ModuleError most = m.modules() == null
                ? null
                : m.modules().stream()
                        .filter(e -> e.made() != null)
                        .max(Comparator.comparingDouble(ComparisonManifest.ModuleError::made))
                        .orElse(null);
        return most == null ? line : line + " Most is made in " + most.module() + ": " + Html.number(most.made()) + ".";
    }

    /** The noise floor: how far A lies from a repeated run of itself; null where it was not measured. */
    public static String floor(ComparisonManifest m) {
        ComparisonManifest.NoiseFloor floor = m.floor();
        if (floor == null) return null;
        OutputMeasures o = floor.text() == null ? floor.prompt() : floor.text();
        if (o == null) return "Noise floor: not measured: " + floor.why();
        return "Noise floor: against " + floor.what() + ", A's own mean KLD is "
                + Html.number(o.meanKld().value()) + " nats, its same top p "
                + Html.percent(o.sameTop().value())
                + (o.pplRatio() == null ? "" : ", its perplexity ratio " + estimate(o.pplRatio(), 7)) + ".";
    }

    /** Column headings of the measures: a name, then prompt and text where present. */
    public static String[] measureColumns(ComparisonManifest m) {
        List<String> heads = new ArrayList<>(List.of(""));
        if (m.prompt() != null) heads.add("Prompt");
        if (m.text() != null) heads.add("Text");
        if (itself(m) != null) heads.add("A itself");
        return heads.toArray(String[]::new);
    }

    private static OutputMeasures itself(ComparisonManifest m) {
        if (m.floor() == null) return null;
        return m.text() == null ? m.floor().prompt() : m.floor().text();
    }

    /** A row per measure, under those headings. */
    public static List<String[]> measures(ComparisonManifest m) {
        OutputMeasures text = m.text() == null ? null : m.text().measures();
        List<String[]> rows = new ArrayList<>();
        row(rows, "Positions", m, text, o -> String.valueOf(o.positions()));
        row(rows, "Mean KLD (nats)", m, text, o -> estimate(o.meanKld(), -1));
        for (double p : new double[] {50, 95, 99, 100}) {
            String name = p == 50 ? "Median KLD" : p == 100 ? "Maximum KLD" : (int) p + " % KLD";
            row(rows, name, m, text, o -> Html.number(at(o.kld(), p)));
        }
        row(rows, "Same top p", m, text, o -> percent(o.sameTop()));
        row(rows, "Top-k overlap", m, text, o -> percent(o.topOverlap()) + " (k = " + o.k() + ")");
        row(rows, "Mean PPL(A)", m, text, o -> estimate(o.pplA(), 4));
        row(rows, "Mean PPL(B)", m, text, o -> estimate(o.pplB(), 4));
        row(rows, "Mean PPL(B)/PPL(A)", m, text, o -> estimate(o.pplRatio(), 6));
        row(rows, "Mean ln(PPL(B)/PPL(A))", m, text, o -> estimate(o.lnPplRatio(), 6));
        row(rows, "Mean PPL(B)-PPL(A)", m, text, o -> estimate(o.pplDifference(), 6));
        row(rows, "Mean Δp", m, text, o -> percent(o.meanDeltaP()));
        row(rows, "RMS Δp", m, text, o -> percent(o.rmsDeltaP()));
        for (double p : new double[] {1, 5, 25, 50, 75, 95, 99}) {
            row(rows, (int) p + " % Δp", m, text, o -> o.deltaP() == null ? "" : Html.percent(at(o.deltaP(), p)));
        }
        return rows;
    }

    private static void row(
            List<String[]> rows,
            String name,
            ComparisonManifest m,
            OutputMeasures text,
            Function<OutputMeasures, String> of) {
        List<String> cells = new ArrayList<>(List.of(name));
        if (m.prompt() != null) cells.add(of.apply(m.prompt()));
        if (text != null) cells.add(of.apply(text));
        if (itself(m) != null) cells.add(of.apply(itself(m)));
        rows.add(cells.toArray(String[]::new));
    }

    private static double at(List<OutputMeasures.Percentile> all, double percent) {
        return all.stream()
                .filter(p -> p.percent() == percent)
                .findFirst()
                .orElseThrow()
                .value();
    }

    /** Value and error, with this many decimals, or -1 for the significant digits. */
    static String estimate(Estimate e, int decimals) {
        if (e == null) return "";
        if (decimals < 0) {
            boolean exact = e.error() == null || e.error() == 0;
            return exact ? Html.number(e.value()) : Html.number(e.value(), e.error());
        }
        String value = String.format(Locale.ROOT, "%." + decimals + "f", e.value());
        if (e.error() == null) return value;
        if (e.interval() != null) {
            String ends = "%." + decimals + "f to %." + decimals + "f";
            return value + " ("
                    + String.format(
                            Locale.ROOT, ends, e.interval().low(), e.interval().high()) + ")";
        }
        String error = String.format(Locale.ROOT, "%." + decimals + "f", e.error());
        return value + " ± " + error;
    }

    private static String percent(Estimate e) {
        if (e == null) return "";
        String value = String.format(Locale.ROOT, "%.3f", 100 * e.value());
        return e.error() == null
                ? value + " %"
                : value + " ± " + String.format(Locale.ROOT, "%.3f", 100 * e.error()) + " %";
    }

    /**
     * Rows of threshold, hook, position, relative L2: one per hook that is the first past a threshold, with its highest
     * threshold.
     */
    public static List<String[]> firsts(ComparisonManifest m) {
        List<String[]> rows = new ArrayList<>();
        for (int i = 0; i < m.firsts().size(); i++) {
            ComparisonManifest.First f = m.firsts().get(i);
            ComparisonManifest.First next =
                    i + 1 < m.firsts().size() ? m.firsts().get(i + 1) : null;
            if (next != null
                    && next.hook() != null
                    && next.hook().equals(f.hook())
                    && next.position().equals(f.position())) continue;
            rows.add(new String[] {
                f.threshold() == 0 ? "0 (any difference)" : Html.threshold(f.threshold()),
                f.hook() == null ? "nowhere" : f.hook().name(),
                f.position() == null ? "" : f.position().toString(),
                f.hook() == null ? "" : Html.number(f.relativeL2())
            });
            if (f.hook() == null) break; // nothing passes a higher threshold either
        }
        return rows;
    }

    /** Column headings of the activations. */
    public static String[] activationColumns() {
        return new String[] {"A reads", "Largest |x|", "at position", "channel", "times the RMS", "Kurtosis", "Top 1 %"
        };
    }

    /** Rows of module, and the outliers of its input. */
    public static List<String[]> activations(ComparisonManifest m) {
        return m.activations().stream()
                .map(a -> new String[] {
                    reads(a),
                    Html.number(a.maxAbs()),
                    String.valueOf(a.position()),
                    String.valueOf(a.channel()),
                    a.rms() == 0 ? "" : String.format(Locale.ROOT, "%.1f", a.maxAbs() / a.rms()),
                    a.kurtosis() == null ? "" : String.format(Locale.ROOT, "%.1f", a.kurtosis()),
                    Html.percent(a.topShare()) + " in " + a.topChannels()
                })
                .toList();
    }

    private static String reads(ComparisonManifest.Activation a) {
        return switch (a.feeds()) {
            case QKV -> "blocks." + a.layer() + ".attn.q, k, v";
            case O -> "blocks." + a.layer() + ".attn.o";
            case CONV_IN -> "blocks." + a.layer() + ".conv.b, c, x";
            case CONV_OUT -> "blocks." + a.layer() + ".conv.out";
            case SSM_IN -> "blocks." + a.layer() + ".ssm";
            case SSM_OUT -> "blocks." + a.layer() + ".ssm.out";
            case MLP_IN -> "blocks." + a.layer() + ".mlp.in";
            case MLP_OUT -> "blocks." + a.layer() + ".mlp.out";
            case UNEMBED -> "unembed";
        };
    }

    /** The worst outlier in a sentence; null without activations. */
    public static String activationsLead(ComparisonManifest m) {
        if (m.activations() == null) return null;
        return m.activations().stream()
                .filter(a -> a.kurtosis() != null)
                .max(Comparator.comparingDouble(ComparisonManifest.Activation::kurtosis))
                .map(a -> "Heaviest tails of what A's matrices read: " + reads(a) + ", kurtosis "
                        + String.format(Locale.ROOT, "%.1f", a.kurtosis())
                        + " (3 of a normal distribution), largest |x| "
                        + String.format(Locale.ROOT, "%.1f", a.maxAbs() / a.rms()) + " times the root mean square, "
                        + Html.percent(a.topShare()) + " of the energy in "
                        + Plural.of(a.topChannels(), "channel") + " of " + a.channels() + ".")
                .orElse(null);
    }

    /** Rows of module, effect, bytes, effect per MiB, KL(A || this), predicted effect, whether in the plan. */
    public static List<String[]> sensitivity(Sensitivity s) {
        return s.modules().stream()
                .map(m -> new String[] {
                    m.module(),
                    estimate(m.effect(), -1),
                    ByteCount.of(m.bytes()),
                    m.effectPerByte() == null ? "" : Html.number(m.effectPerByte() * (1 << 20)),
                    estimate(m.kld(), -1),
                    m.predicted() == null ? "" : Html.number(m.predicted()),
                    s.plan() != null && s.plan().modules().contains(m.module()) ? "yes" : ""
                })
                .toList();
    }

    /** Column headings of the sensitivities. */
    public static String[] sensitivityColumns(Sensitivity s) {
        boolean restore = s.options().direction() == SensitivityRequest.Direction.RESTORE;
        return new String[] {
            "Module",
            restore ? "KL recovered (nats)" : "KL added (nats)",
            restore ? "Bytes it costs" : "Bytes it saves",
            "nats a MiB",
            "KL(A‖this)",
            "Predicted (nats)",
            "In the plan"
        };
    }

    /** Which side's modules were changed, over how many positions, and the divergence and bytes before and after. */
    public static String sensitivityLead(Sensitivity s) {
        boolean restore = s.options().direction() == SensitivityRequest.Direction.RESTORE;
        String measured = "Over " + Plural.of(s.positions(), "position") + ". ";
        return measured
                + (restore
                        ? "B was run again with one module at a time put back to A's precision. B itself lies "
                        : "A was run again with one module at a time put down to B's precision. A itself lies ")
                + Html.number(s.start().meanKld().value()) + " nats from A and its weights take "
                + ByteCount.of(s.startBytes()) + "; with all these modules "
                + (restore ? "restored" : "lowered") + " they take " + ByteCount.of(s.endBytes()) + ".";
    }

    /** How well the gradients' prediction, which needs no run per module, matches the measurement. */
    public static String predictedLead(Sensitivity s) {
        if (s.predictedWhy() != null) return "Nothing was predicted from gradients: " + s.predictedWhy() + ".";
        boolean any = s.modules().stream().anyMatch(m -> m.predicted() != null);
        if (!any) return "";
        return "Predicted: KL(A‖A with this module of B) as one backward pass of A has it, half of squared gradient times"
                + " squared change of each matrix's output, summed (arXiv:2102.05426)."
                + (s.rankCorrelation() == null
                        ? ""
                        : " Rank correlation (Spearman) with what was measured: "
                                + String.format(Locale.ROOT, "%.2f", s.rankCorrelation()) + " over "
                                + Plural.of(s.modules().size(), "module") + "."
                                + (s.options().direction() == SensitivityRequest.Direction.RESTORE
                                        ? " It is about lowering a module alone: what restoring one recovers may be another."
                                        : ""));
    }

    /** The suggested plan in a sentence. */
    public static String planLead(Sensitivity s) {
        Sensitivity.MixedPlan plan = s.plan();
        boolean restore = s.options().direction() == SensitivityRequest.Direction.RESTORE;
        OutputMeasures o = plan.measures();
        return "For at most " + ByteCount.of(s.options().budgetBytes()) + ": "
                + plan.modules().size() + " of " + Plural.of(s.modules().size(), "module") + " "
                + (restore ? "restored" : "lowered") + ". Its weights take " + ByteCount.of(plan.bytes())
                + ". It was run: KL(A‖plan) is " + estimate(o.meanKld(), -1)
                + " nats, where effects that added up would"
                + " have given " + Html.number(plan.expectedKld()) + ". Both find the same token most probable "
                + Html.percent(o.sameTop().value()) + " of the time."
                + (o.pplRatio() == null ? "" : " Perplexity: " + estimate(o.pplRatio(), 5) + " times A's.");
    }
}
