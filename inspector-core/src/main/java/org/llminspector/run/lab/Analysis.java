package org.llminspector.run.lab;

import java.util.List;
import org.llminspector.engine.EngineInfo;
import org.llminspector.run.lab.fit.Interchange;
import org.llminspector.run.lab.fit.LensFit;
import org.llminspector.run.lab.fit.Probing;
import org.llminspector.run.lab.fit.ScoreParts;
import org.llminspector.run.request.AnalysisRequest;
import org.llminspector.tokenize.Token;

/**
 * An analysis's answer, with the convention that it follows and the invariants that were checked on it.
 *
 * @param corrupt null, like the metric, for a kind with one run
 * @param convention what the numbers are, in words: signs, what is frozen, the source
 * @param scores a grid a hook point
 * @param rows the request's own cells, changed together; of a path, all receivers together; or null
 * @param paths through each receiver, or null
 * @param measured the best estimates, measured as well
 * @param correlation Spearman's, of the measured estimates with their measurements; null without any, or fewer than two
 * @param graph of edges, or null
 * @param restored of a quantized model, or null
 * @param score of qk, or null
 * @param lens fitted, and read in the clean run; or null
 * @param probes of a probe, or null
 * @param subspace of interchange, or null
 * @param seconds that the engine worked
 */
public record Analysis(
        String id,
        String created,
        AnalysisRequest request,
        Run clean,
        Run corrupt,
        Metric metric,
        String convention,
        List<Scores> scores,
        Effect rows,
        List<Path> paths,
        List<Measured> measured,
        Double correlation,
        EdgeGraph graph,
        Restored restored,
        ScoreParts.Score score,
        LensFit.Fitted lens,
        Probing.Probes probes,
        Interchange.Subspace subspace,
        List<Invariant> invariants,
        double seconds) {

    /** One of the two runs. {@code top} is its most probable next token at the metric's position, null without a metric. */
    public record Run(String model, EngineInfo engine, List<Token> tokens, Token top) {}

    /**
     * The number that measures an answer.
     *
     * @param clean of the clean run
     * @param corrupt of the corrupt run
     * @param noise how far one run's number moves with the batch that it runs in
     */
    public record Metric(
            AnalysisRequest.Measure name,
            int pos,
            List<Token> answers,
            List<Token> against,
            double clean,
            double corrupt,
            double noise) {

        /** 0 at the corrupt run and 1 at the clean one. */
        public double normalised(double value) {
            return (value - corrupt) / (clean - corrupt);
        }
    }

    /**
     * What each place of a hook point does.
     *
     * @param point without its layer
     * @param values in row-major order: for a measurement the metric of the changed run, for an estimate its change; null where a
     *     layer has no such place
     * @param effects measurements as a share of the whole: 0 at the corrupt run and 1 at the clean one; null for estimates
     */
    public record Scores(
            String point,
            List<String> axes,
            List<Integer> shape,
            List<Integer> layers,
            List<Integer> positions,
            List<Double> values,
            List<Double> effects) {}

    /** One measurement, raw and as a share of the whole. */
    public record Effect(double value, double effect) {}

    /** A measurement through one receiver. */
    public record Path(String receiver, double value, double effect) {}

    /** An estimated change of the metric beside the measured one. */
    public record Measured(String place, double estimate, double measured) {}

    /** A number that has to be another one. */
    public record Invariant(String name, double expected, double got, double within, boolean holds) {

        static Invariant of(String name, double expected, double got, double within) {
            return new Invariant(name, expected, got, within, Math.abs(expected - got) <= within);
        }
    }

    /**
     * Edges from what writes the residual stream to what reads it.
     *
     * @param writers how many
     * @param readers how many
     * @param count of all edges
     * @param edges the best of them
     * @param nodes a writer's edges' sum
     * @param faithfulness of circuits of growing size
     */
    public record EdgeGraph(
            int writers,
            int readers,
            int count,
            List<Edge> edges,
            List<Node> nodes,
            List<Faithful> faithfulness,
            Double cpr,
            Double cmd) {}

    /** An edge; {@code pos} sums over positions. */
    public record Edge(String from, String to, double score) {}

    /** A writer, and the sum of its edges. */
    public record Node(String name, double score) {}

    /** A circuit of the best edges: its metric, and how much of the whole it keeps. */
    public record Faithful(int edges, double value, double faithfulness) {}

    /**
     * What gives a quantized model its answer back.
     *
     * @param answers whether the two runs answer with different tokens
     * @param places of a least set that, put back together, mends the answer, or nine tenths of the divergence where the answers agree
     * @param value the metric with them put back
     * @param mended whether they do
     */
    public record Restored(boolean answers, List<String> places, double value, boolean mended) {}
}
