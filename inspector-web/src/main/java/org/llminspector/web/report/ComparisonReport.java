package org.llminspector.web.report;

import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.llminspector.base.Json;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Sensitivity;
import org.llminspector.tokenize.Token;

/** Comparison report as one HTML page without scripts or external files. */
public final class ComparisonReport {

    private static final int SHOWN_TOKENS = 3_000;
    private static final int SHOWN_TURNS = 60;

    private final Comparisons comparisons;
    private final ComparisonManifest m;
    private final Html html = new Html();

    public ComparisonReport(Comparisons comparisons, ComparisonManifest manifest) {
        this.comparisons = comparisons;
        this.m = manifest;
    }

    public String html() {
        html.open("Comparison " + m.id());
        html.raw("<h1>")
                .text(title(m.a()))
                .raw(" <i>against</i> ")
                .text(title(m.b()))
                .raw("</h1>");
        if (m.name() != null) html.paragraph(m.name());
        if (m.verdict() != null)
            html.raw("<p class=\"lead\"><b>").text(m.verdict().sentence()).raw("</b></p>");
        String bad = ComparisonText.firstBad(m);
        if (bad != null) html.raw("<p class=\"lead\">").text(bad).raw("</p>");
        html.raw("<p class=\"lead\">").text(ComparisonText.outputs(m)).raw("</p>");
        String written = ComparisonText.continuations(m);
        if (written != null) html.raw("<p class=\"lead\">").text(written).raw("</p>");
        if (ComparisonText.floor(m) != null) html.paragraph(ComparisonText.floor(m));
        sides();
        if (m.prompt() != null || m.text() != null) measures();
        if (m.corpus() != null) corpus(m.corpus());
        if (!m.hooks().isEmpty()) firsts();
        heatmaps();
        modules();
        activations();
        if (m.sensitivity() != null) sensitivity(m.sensitivity());
        costs();
        tokens(Comparisons.Part.TEXT, "Over the text");
        tokens(Comparisons.Part.PROMPT, "Over the prompt");
        provenance();
        return html.close();
    }

    static String title(ComparisonManifest.Side s) {
        String changed = s.request().interventions().isEmpty() ? "" : ", changed";
        return s.model().slug() + ", " + s.engine().precision().name().toLowerCase(Locale.ROOT) + " on "
                + s.engine().name() + (s.request().plan().simulate().isEmpty() ? "" : ", weights simulated") + changed;
    }

    private void sides() {
        html.heading("The two sides");
        html.table("", "A, the reference", "B");
        row("Model", s -> s.model().slug());
        row(
                "Engine",
                s -> s.engine().name() + " " + s.engine().version() + " ("
                        + s.engine().form() + ", " + s.engine().device() + ")");
        row("Arithmetic", s -> s.engine().arithmetic());
        row(
                "Changes",
                s -> s.request().interventions().isEmpty()
                        ? "none"
                        : s.request().interventions().size() + ": "
                                + s.request().interventions().get(0).op().name().toLowerCase(Locale.ROOT) + " at "
                                + s.request().interventions().get(0).hook());
        if (!m.a().tokens().isEmpty()) row("Prompt", s -> prompt(s.tokens()));
        row("Weights (SHA-256)", s -> s.model().weightsSha256().substring(0, 16) + "…");
        html.end();
    }

    private static String prompt(List<Token> tokens) {
        StringBuilder text = new StringBuilder();
        for (Token t : tokens) {
            if (text.length() > 300) return text.append("…").toString();
            text.append(t.text());
        }
        return text.toString();
    }

    private void row(String name, java.util.function.Function<ComparisonManifest.Side, String> of) {
        html.row(name, of.apply(m.a()), of.apply(m.b()));
    }

    private void measures() {
        html.heading("What they say next");
        boolean chunks = m.options().windows() == ComparisonRequest.Windows.LLAMA_CPP;
        html.paragraph("KL and perplexity have the names and formulas of llama.cpp's perplexity tool, A as its base. "
                + (chunks
                        ? "The text is cut and scored as it does: the second half of each chunk."
                        : "It scores the second half of each chunk, this every token once: the two give other numbers.")
                + " In brackets stands the 95 % interval of what is e to a mean, taken before the exponential; ± is the"
                + " standard error of the mean; tokens of one text depend on each other, so read it as a lower bound.");
        html.table(ComparisonText.measureColumns(m));
        for (String[] row : ComparisonText.measures(m)) html.row(row);
        html.end();
    }

    private void corpus(ComparisonManifest.CorpusPart corpus) {
        html.heading("Over a corpus");
        html.paragraph(CorpusText.lead(corpus));
        html.paragraph(
                "Every token of a document counts once. The intervals are of a bootstrap over documents, both sides"
                        + " resampled together: tokens of one document depend on each other, documents do not.");
        html.table(CorpusText.columns());
        for (String[] row : CorpusText.rows(corpus.divergence())) html.row(row);
        html.end();
        html.table("Worst documents", "KL(A || B), nats", "Tokens");
        for (String[] row : CorpusText.worst(corpus.divergence())) html.row(row);
        html.end();
    }

    private void firsts() {
        html.heading("Where they part");
        html.paragraph("The first value in the order of the data whose relative L2 distance |B − A| / |A| is past a"
                + " threshold, at any position. A hook that is first past several stands under the highest.");
        html.table("Past", "Hook", "Position", "Relative L2");
        for (String[] row : ComparisonText.firsts(m)) html.row(row);
        html.end();
    }

    /** Heat maps of every compared hook: a row per layer, a column per position. */
    private void heatmaps() {
        if (m.hooks().isEmpty()) return;
        html.heading("Layer by layer, token by token");
        html.paragraph(
                "Relative L2 distance: a row is a layer (the first on top), a column per token. Dark is far: from"
                        + " 10⁻⁷, where float32 rounds, to 1, where nothing is left. White: no difference at all.");
        Set<HookPoint> points = new TreeSet<>();
        m.hooks().forEach(r -> points.add(r.hook().point()));
        html.raw("<div class=\"maps\">");
        for (HookPoint point : points) {
            Tensor values = comparisons.divergence(m.id(), point, "relative_l2");
            html.heatmap(point.template().replace("blocks.{i}.", ""), values);
        }
        html.raw("</div>");
    }

    private void modules() {
        if (m.modulesWhy() != null) html.heading("Made here, or inherited").paragraph(m.modulesWhy());
        if (m.modules() == null || m.modules().isEmpty()) return;
        html.heading("Made here, or inherited");
        html.paragraph(
                "B was run again with A's residual stream before every module: what a module's output then differs"
                        + " from A's was made in it, the rest came with its input. The vectors add up exactly, their lengths do"
                        + " not. All relative to the length of A's output.");
        html.table("Module", "Error", "Made here", "Inherited", "Cosine of the two");
        for (ComparisonManifest.ModuleError e : m.modules()) {
            html.row(
                    e.module(),
                    Html.number(e.total()),
                    Html.number(e.made()),
                    Html.number(e.inherited()),
                    e.cosine() == null ? "" : String.format(Locale.ROOT, "%.2f", e.cosine()));
        }
        html.end();
    }

    private void activations() {
        String lead = ComparisonText.activationsLead(m);
        if (lead == null) return;
        html.heading("What W8A8 has to round").paragraph(lead);
        html.table(ComparisonText.activationColumns());
        for (String[] row : ComparisonText.activations(m)) html.row(row);
        html.end();
    }

    private void sensitivity(Sensitivity s) {
        html.heading("What each module is worth").paragraph(ComparisonText.sensitivityLead(s));
        html.bars(
                ComparisonText.sensitivityColumns(s),
                1,
                s.modules().stream().map(m -> m.effect().value()).toList(),
                ComparisonText.sensitivity(s));
        String predicted = ComparisonText.predictedLead(s);
        if (!predicted.isEmpty()) html.paragraph(predicted);
        if (s.plan() == null) return;
        html.paragraph(ComparisonText.planLead(s));
        html.raw("<pre>").text(Json.write(s.plan().precisionPlan())).raw("</pre>");
        html.paragraph("As \"precision_plan\" in the request of a run on the onnx engine, in place of \"precision\".");
        Sensitivity.Export export = s.plan().export();
        if (export == null || export.llmCompressorIgnore().isEmpty()) return;
        html.paragraph(ComparisonText.LLAMA_QUANTIZE);
        html.raw("<pre>").text(ComparisonText.shell(export.llamaQuantize())).raw("</pre>");
        html.paragraph(ComparisonText.LLM_COMPRESSOR);
        html.raw("<pre>").text(Json.write(export.llmCompressorIgnore())).raw("</pre>");
    }

    private void costs() {
        if (m.a().cost() == null) return;
        html.heading("What it costs");
        html.table("", "A", "B", "B / A");
        for (String[] row : CostText.rows(m)) html.row(row);
        html.end();
    }

    private void tokens(Comparisons.Part part, String heading) {
        List<ComparedToken> tokens = comparisons.tokens(m.id(), part, 0, SHOWN_TOKENS);
        if (tokens.isEmpty()) return;
        html.heading(heading);
        html.paragraph(
                "Each token is shaded by KL(A‖B) of what was said before it came, from 10⁻⁶ nats to 1, the darkest;"
                        + " underlined where B would have said something else.");
        html.raw("<p class=\"text\">");
        for (ComparedToken t : tokens) {
            if (t.next() == null) continue;
            double shade = t.kl() <= 0 ? 0 : Math.max(0, Math.min(1, (Math.log10(t.kl()) + 6) / 6));
            html.raw(String.format(
                            Locale.ROOT,
                            "<span class=\"%s\" style=\"background:rgba(161,36,161,%.2f)\" title=\"KL %s nats\">",
                            t.sameTop() ? "" : "other",
                            0.55 * shade,
                            Html.number(t.kl())))
                    .text(t.next().text())
                    .raw("</span>");
        }
        html.raw("</p>");
        List<ComparedToken> turns =
                tokens.stream().filter(t -> !t.sameTop()).limit(SHOWN_TURNS).toList();
        if (turns.isEmpty()) {
            html.paragraph("B never finds another token most probable.");
            return;
        }
        html.table("After position", "Read last", "Really next", "A says", "B says", "KL, nats");
        for (ComparedToken t : turns) {
            html.row(
                    String.valueOf(t.position()),
                    t.read().text(),
                    t.next() == null ? "" : t.next().text(),
                    t.topOfA().text() + "  " + Html.percent(t.topOfA().probA()),
                    t.topOfB().text() + "  " + Html.percent(t.topOfB().probB()),
                    Html.number(t.kl()));
        }
        html.end();
    }

    private void provenance() {
        html.raw("<p class=\"foot\">")
                .text("Comparison " + m.id() + ", made " + m.created() + " by LLM Inspector " + m.version()
                        + ". The same numbers: GET /api/v1/comparisons/" + m.id()
                        + ", or in Python Inspector().comparison(\"" + m.id() + "\").")
                .raw("</p>");
    }
}
