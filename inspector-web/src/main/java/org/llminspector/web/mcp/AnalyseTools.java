package org.llminspector.web.mcp;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.llminspector.run.lab.Analysis;
import org.llminspector.run.lab.LabListener;
import org.llminspector.run.lab.Labs;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.tokenize.Token;
import org.llminspector.web.report.AnalysisText;

/** The tool of causal analyses: what in the model caused an answer. */
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
                        + " to a quantized model). A value of 1 is the whole difference.",
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
                .objects("cells", "{\"hook\", \"heads\", \"positions\"}: changed together; of a path the senders.")
                .objects("receivers", "Of a path, likewise. Default: logits.")
                .text("convention", "Of attribution tl or eap; of edges eap_ig or eap.")
                .whole("steps", "Of eap_ig. Default: 5.")
                .whole("measured", "How many of the best estimates are measured too. Default: 10.")
                .wholes("edges", "Sizes of the circuits that are run.")
                .whole("keep", "The most edges that are stored. Default: 200.")
                .truth("signed", "Rank edges by value, not magnitude.")
                .text("name", "A label.")
                .required("kind", "clean");
    }

    private static List<String> names(Enum<?>[] values) {
        return Arrays.stream(values).map(v -> v.name().toLowerCase(Locale.ROOT)).toList();
    }

    private Found analyse(AnalysisRequest asked, Tool.Steps steps) {
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
                new Metric(
                        a.metric().name().name().toLowerCase(Locale.ROOT),
                        texts(a.metric().answers()),
                        texts(a.metric().against()),
                        a.metric().clean(),
                        a.metric().corrupt()),
                a.clean().top().text(),
                a.corrupt().top().text(),
                a.convention(),
                best.isEmpty() ? null : best,
                a.rows() == null ? null : a.rows().effect(),
                first(a.paths()),
                first(a.measured()),
                a.correlation(),
                a.graph() == null ? null : first(a.graph().edges()),
                a.graph() == null ? null : a.graph().faithfulness(),
                a.restored(),
                a.invariants().size() - failed.size() + " of " + a.invariants().size() + " hold",
                failed.isEmpty() ? null : failed);
    }

    private static List<String> texts(List<Token> tokens) {
        return tokens.stream().map(Token::text).toList();
    }

    private static <T> List<T> first(List<T> all) {
        return all == null ? null : all.subList(0, Math.min(MOST, all.size()));
    }
}
