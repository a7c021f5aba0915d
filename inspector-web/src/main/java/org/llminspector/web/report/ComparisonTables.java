package org.llminspector.web.report;

import java.util.List;
import java.util.Locale;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Sensitivity;

/** Comparison tables as CSV (RFC 4180): a line per hook, token, flip or module. */
public final class ComparisonTables {

    /** Tokens of context before a flip. */
    static final int CONTEXT = 24;

    private ComparisonTables() {}

    /** A line per compared hook; infinite numbers are empty fields. */
    public static String hooks(ComparisonManifest m) {
        StringBuilder csv = new StringBuilder();
        line(
                csv,
                "hook",
                "cosine",
                "relative_l2",
                "max_abs",
                "sqnr_db",
                "worst_position",
                "worst_relative_l2",
                "made",
                "floor");
        for (ComparisonManifest.HookRow r : m.hooks()) {
            line(
                    csv,
                    r.hook().name(),
                    r.cosine(),
                    r.relativeL2(),
                    r.maxAbs(),
                    r.sqnr(),
                    r.worstPosition(),
                    r.worstRelativeL2(),
                    r.made(),
                    r.floor());
        }
        return csv.toString();
    }

    /** A line per token; the last one has no next token. */
    public static String tokens(List<ComparedToken> tokens) {
        StringBuilder csv = new StringBuilder();
        line(
                csv,
                "position",
                "read_id",
                "read",
                "next_id",
                "next",
                "kl_nats",
                "prob_a",
                "prob_b",
                "same_top",
                "top_a_id",
                "top_a",
                "top_b_id",
                "top_b");
        for (ComparedToken t : tokens) {
            ComparedToken.Candidate a = t.topOfA();
            ComparedToken.Candidate b = t.topOfB();
            line(
                    csv,
                    t.position(),
                    t.read().id(),
                    t.read().text(),
                    t.next() == null ? null : t.next().id(),
                    t.next() == null ? null : t.next().text(),
                    t.kl(),
                    t.probA(),
                    t.probB(),
                    t.sameTop(),
                    a.id(),
                    a.text(),
                    b.id(),
                    b.text());
        }
        return csv.toString();
    }

    /**
     * Positions where the most probable tokens of A and B differ, each with at most {@link #CONTEXT} tokens before it.
     */
    public static String flips(List<ComparedToken> tokens) {
        StringBuilder csv = new StringBuilder();
        line(
                csv,
                "position",
                "context",
                "next",
                "kl_nats",
                "top_a_id",
                "top_a",
                "prob_a_of_top_a",
                "prob_b_of_top_a",
                "top_b_id",
                "top_b",
                "prob_a_of_top_b",
                "prob_b_of_top_b");
        for (int i = 0; i < tokens.size(); i++) {
            ComparedToken t = tokens.get(i);
            if (t.sameTop()) continue;
            StringBuilder context = new StringBuilder();
            for (int j = Math.max(0, i - CONTEXT + 1); j <= i; j++) {
                ComparedToken before = tokens.get(j);
                // Only contiguous tokens: llama.cpp's windows skip some positions.
                if (i - j == t.position() - before.position())
                    context.append(before.read().text());
            }
            ComparedToken.Candidate a = t.topOfA();
            ComparedToken.Candidate b = t.topOfB();
            line(
                    csv,
                    t.position(),
                    context,
                    t.next() == null ? null : t.next().text(),
                    t.kl(),
                    a.id(),
                    a.text(),
                    a.probA(),
                    a.probB(),
                    b.id(),
                    b.text(),
                    b.probA(),
                    b.probB());
        }
        return csv.toString();
    }

    /** Fields are empty where a module costs or saves nothing; the plan's columns are empty without a plan. */
    public static String sensitivity(Sensitivity s) {
        StringBuilder csv = new StringBuilder();
        line(
                csv,
                "module",
                "direction",
                "kld_nats",
                "kld_error",
                "effect_nats",
                "effect_error",
                "bytes",
                "effect_per_byte",
                "predicted_nats",
                "in_plan");
        for (Sensitivity.Module m : s.modules()) {
            line(
                    csv,
                    m.module(),
                    s.options().direction().name().toLowerCase(Locale.ROOT),
                    m.kld().value(),
                    m.kld().error(),
                    m.effect().value(),
                    m.effect().error(),
                    m.bytes(),
                    m.effectPerByte(),
                    m.predicted(),
                    s.plan() == null ? null : s.plan().modules().contains(m.module()));
        }
        return csv.toString();
    }

    private static void line(StringBuilder csv, Object... cells) {
        for (int i = 0; i < cells.length; i++) {
            if (i > 0) csv.append(',');
            csv.append(cell(cells[i]));
        }
        csv.append("\r\n");
    }

    private static String cell(Object value) {
        if (value == null) return "";
        String text = value.toString();
        boolean quoted = text.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        return quoted ? '"' + text.replace("\"", "\"\"") + '"' : text;
    }
}
