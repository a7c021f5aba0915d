package org.llminspector.web.mcp;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.llminspector.base.Problem;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.LabListener;
import org.llminspector.run.lab.Labs;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.web.report.AnalysisText;
import org.llminspector.web.report.FitText;

/** The tool of analyses: what in the model caused an answer, and what is fitted to its values. */
final class AnalyseTools implements Tool.Group {

    private static final int MOST = 10;

    /** The metric's two ends. */
    record Metric(String name, List<String> answers, List<String> against, Double clean, Double corrupt) {}

    record Place(String point, String place, Double value) {}

    record Found(
            String analysis,
            Metric metric,
            String cleanAnswer,
            String corruptAnswer,
            String convention,
            List<Place> best,
            Double together,
            List<Analysis.Path> paths,
            List<Analysis.Measured> measured,
            Double correlation,
            List<Analysis.Edge> edges,
            List<Analysis.Faithful> faithfulness,
            Analysis.Restored restored,
            List<List<String>> table,
            String invariants,
            List<Analysis.Invariant> failed) {}

    private final Labs labs;

    AnalyseTools(Labs labs) {
        this.labs = labs;
    }

    @Override
    public List<Tool> tools() {
        return List.of(Tool.storing(
                "analyse",
                "Finds what caused an answer. Two prompts of equally many tokens that differ in one thing (clean, corrupt), a"
                        + " number that measures the answer (metric), and every place of the model tried: patch (a value of"
                        + " one run given to the other), attribution (the same, estimated by one gradient), path (through"
                        + " chosen receivers alone), edges (the circuit and how faithful it is), restore (values given back"
                        + " to a quantized model). A value of 1 is the whole difference. With one run: qk (an attention"
                        + " score as a sum over pairs of writers), lens (tuned or Jacobian); with examples: probe, interchange (a"
                        + " subspace that carries the answer).",
                schema(),
                AnalysisRequest.class,
                this::analyse));
    }

    private static Schema schema() {
        return new Schema()
                .choice("kind", names(AnalysisRequest.Kind.values()), "What is computed.")
                .object(
                        "clean",
                        "{\"prompt\": TEXT} or {\"tokens\": [...]}, with model, engine, precision where not default.")
                .object(
                        "corrupt",
                        "{\"prompt\": TEXT}; for restore {\"engine\": \"onnx\", \"precision\": \"int4_32\"}.")
                .object(
                        "metric",
                        "{\"name\": logit_diff | logit | prob | nll | kl | rank, \"answers\": [TOKEN], \"against\": [TOKEN],"
                                + " \"pos\": -1}. Default: logit_diff of the two runs' own answers; restore: kl.")
                .choice(
                        "direction",
                        names(AnalysisRequest.Direction.values()),
                        "denoise (default): clean values into the corrupt run; noise: the other way.")
                .texts("points", "Hook points without their layer, such as hook_resid_pre, attn.hook_z, hook_mlp_out.")
                .choice(
                        "by",
                        names(AnalysisRequest.By.values()),
                        "The size of a place. Default: position; restore: layer.")
                .wholes("layers", "Default: all.")
                .wholes("positions", "Default: all.")
                .objects(
                        "cells",
                        "{\"hook\", \"heads\", \"positions\"}: changed together; of a path the senders; of qk one, with \"keys\" too.")
                .objects("receivers", "Of a path, likewise. Default: logits.")
                .text(
                        "convention",
                        "Of attribution tl or eap; of edges eap_ig or eap; of lens tuned, jacobian or logit.")
                .whole("steps", "Of eap_ig (5), a tuned lens (200), interchange (100).")
                .whole("measured", "How many of the best estimates are measured too. Default: 10.")
                .wholes("edges", "Sizes of the circuits that are run.")
                .whole("keep", "The most edges that are stored. Default: 200.")
                .truth("signed", "Rank edges by value, not magnitude.")
                .objects(
                        "examples",
                        "{\"prompt\", \"label\", \"group\"} of probe; {\"prompt\", \"source\", \"answer\"} of interchange;"
                                + " {\"prompt\"} of lens.")
                .whole("rank", "Coordinates of a probe (16), dimensions of an interchange (8).")
                .whole("skip", "Of lens, positions at a text's beginning that are left out.")
                .text("name", "A label.")
                .required("kind");
    }

    private static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values).map(v -> v.name().toLowerCase(Locale.ROOT)).toList();
    }

    private Found analyse(AnalysisRequest asked, Tool.Steps steps) {
        if (asked.corpus() != null) {
            throw Problem.unsupported("no tool reads files")
                    .where("corpus")
                    .expected("none")
                    .instead("give the texts of a lens as examples");
        }
        Analysis a = labs.analyse(asked, new LabListener() {
            @Override
            public void progress(LabListener.Progress p) {
                steps.at(p.done(), p.total(), p.phase());
            }
        });
        List<Place> best = AnalysisText.largest(a, MOST).stream()
                .map(p -> new Place(p.point(), p.place(), p.value()))
                .toList();
        List<Analysis.Invariant> failed =
                a.invariants().stream().filter(i -> !i.holds()).toList();
        return new Found(
                a.id(),
                metric(a.metric()),
                a.metric() == null ? null : a.clean().top().text(),
                a.metric() == null ? null : a.corrupt().top().text(),
                a.convention(),
                best.isEmpty() ? null : best,
                a.rows() == null ? null : a.rows().effect(),
                first(a.paths()),
                first(a.measured()),
                a.correlation(),
                a.graph() == null ? null : first(a.graph().edges()),
                a.graph() == null ? null : a.graph().faithfulness(),
                a.restored(),
                a.metric() == null ? FitText.rows(a, MOST) : null,
                a.invariants().size() - failed.size() + " of " + a.invariants().size() + " hold",
                failed.isEmpty() ? null : failed);
    }

    private static Metric metric(Analysis.Metric m) {
        if (m == null) return null;
        String name = m.name().name().toLowerCase(Locale.ROOT);
        return new Metric(name, texts(m.answers()), texts(m.against()), m.clean(), m.corrupt());
    }

    private static List<String> texts(List<Token> tokens) {
        return tokens.stream().map(Token::text).toList();
    }

    private static <T> List<T> first(List<T> all) {
        return all == null ? null : all.subList(0, Math.min(MOST, all.size()));
    }
}
