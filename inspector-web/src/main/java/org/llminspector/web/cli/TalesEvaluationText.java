package org.llminspector.web.cli;

import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import org.llminspector.tales.evaluation.EvaluationReport;

/** Prints what a model trained on the tales can do. */
final class TalesEvaluationText {

    private TalesEvaluationText() {}

    static void print(EvaluationReport r, PrintWriter out) {
        EvaluationReport.Text t = r.text();
        line(
                out,
                "held-out loss",
                "%.4f nats per token (perplexity %.2f, %.3f bits per byte), %,d tokens",
                t.loss(),
                t.perplexity(),
                t.bitsPerByte(),
                t.tokens());
        line(out, "  bound", "%.4f nats: the best loss possible is at most that", t.lossBound());
        EvaluationReport.Stories s = r.stories();
        line(
                out,
                "stories",
                "%d told from the first paragraph, %.0f tokens each; %s",
                s.asked(),
                s.tokensPerStory(),
                s.sampling());
        line(out, "  ended", "%.1f %%", 100 * s.ended());
        line(out, "  names kept", "%.1f %% (the hero's %.1f %%)", 100 * s.namesKept(), 100 * s.heroKept());
        line(out, "  pronouns kept", "%.1f %%", 100 * s.pronounsKept());
        line(
                out,
                "  faultless",
                "%.1f %% (real stories: %.1f %%); faults: %s",
                100 * s.faultless(),
                100 * s.realFaultless(),
                s.faults());
        line(out, "  strictly", "%.1f %% faultless; faults: %s", 100 * s.faultlessStrictly(), s.strictFaults());
        line(
                out,
                "  with top_p",
                "%.1f %% faultless at temperature and top_p %.2f",
                100 * s.faultlessAtTopP(),
                s.topP());
        line(out, "  own sentences", "%.1f %%", 100 * s.distinct());
        line(
                out,
                "questions",
                "%d of each kind, right: in chat, as plain text",
                r.answers().perKind());
        r.answers()
                .chat()
                .forEach((kind, share) -> line(
                        out,
                        "  " + kind,
                        "%.0f %%, %.0f %%",
                        100 * share,
                        100 * r.answers().plain().get(kind)));
        line(out, "  word for word", "%.0f %%", 100 * r.answers().exact());
        EvaluationReport.Preferences p = r.preferences();
        line(
                out,
                "preferences",
                "better answer more probable in %.1f %% of %d pairs (%.1f %% per token), by %.2f nats",
                100 * p.won(),
                p.pairs(),
                100 * p.wonPerToken(),
                p.margin());
        EvaluationReport.Copying c = r.copying();
        line(
                out,
                "copying",
                "random tokens %.2f, again %.2f; magic words %.2f, again %.2f nats (%d stories)",
                c.randomFirst(),
                c.randomAgain(),
                c.chantFirst(),
                c.chantAgain(),
                c.chants());
        EvaluationReport.Heads h = r.heads();
        line(
                out,
                "heads",
                "%d of %d have a clear role on random tokens: %s",
                h.clear(),
                h.onRandom().size(),
                h.roles());
        line(
                out,
                "  on stories",
                "%d of %d: %s",
                h.clearOnStories(),
                h.onRandom().size(),
                h.rolesOnStories());
        line(
                out,
                "  best induction",
                "%.3f on random tokens, %.3f on magic words",
                h.bestInduction(),
                h.bestInductionOnChants());
        line(out, "  name mover", "%.3f of its attention on a name that is said again", h.bestOnNames());
    }

    /** Prints the sampled stories unedited, each after its number and the faults found in it. */
    static void print(List<EvaluationReport.GeneratedStory> stories, PrintWriter out) {
        for (int i = 0; i < stories.size(); i++) {
            List<String> faults = stories.get(i).faults();
            out.printf(Locale.ROOT, "%n-- %d%s%n%n", i + 1, faults.isEmpty() ? "" : ": " + String.join(", ", faults));
            out.println(stories.get(i).text());
        }
    }

    private static void line(PrintWriter out, String name, String format, Object... values) {
        out.printf(Locale.ROOT, "%-17s" + format + "%n", concat(name, values));
    }

    private static Object[] concat(String name, Object[] values) {
        Object[] all = new Object[values.length + 1];
        all[0] = name;
        System.arraycopy(values, 0, all, 1, values.length);
        return all;
    }
}
