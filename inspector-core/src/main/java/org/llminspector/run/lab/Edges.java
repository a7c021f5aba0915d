package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.Analysis.Edge;
import org.llminspector.run.lab.Analysis.EdgeGraph;
import org.llminspector.run.lab.Analysis.Faithful;
import org.llminspector.run.lab.Analysis.Invariant;
import org.llminspector.run.lab.Analysis.Measured;
import org.llminspector.run.lab.Analysis.Node;
import org.llminspector.run.lab.graph.Contributions;
import org.llminspector.run.lab.graph.LayerReads;
import org.llminspector.run.lab.graph.ModelGraph;
import org.llminspector.run.lab.graph.ModelGraph.Part;
import org.llminspector.run.lab.graph.ModelGraph.Reader;
import org.llminspector.run.lab.graph.ModelGraph.Writer;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.request.AnalysisRequest.Measure;

/**
 * Edge attribution patching (Syed et al. 2023), with integrated gradients over the embedding (EAP-IG, Hanna et al. 2024): an edge's
 * score is the change of its writer, corrupt less clean, times the metric's gradient at its reader's input before its norm. The
 * best edges are measured, and circuits of growing size are run.
 */
final class Edges {

    /** Shares of all edges that a circuit keeps (MIB, Mueller et al. 2025). */
    private static final double[] LADDER = {0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1};

    private final Lab lab;
    private final ModelGraph graph;
    private final Weights weights;
    private final float[][] changes; // of each writer, corrupt less clean, [pos * d_model]
    private final double[][] scores; // [reader][writer]
    private final double[] nodes; // by autograd, [writer]

    private Edges(Lab lab, ModelGraph graph) {
        this.lab = lab;
        this.graph = graph;
        this.weights = lab.clean().folder().weights();
        this.changes = new float[graph.writers().size()][];
        this.scores = new double[graph.readers().size()][];
        this.nodes = new double[graph.writers().size()];
        for (int r = 0; r < scores.length; r++)
            scores[r] = new double[graph.readers().get(r).writers()];
    }

    static Found run(Lab lab) {
        ModelGraph.check(lab.spec());
        if (!lab.clean().same(lab.corrupt())) {
            throw Problem.unsupported("edges are between two runs of one model, on one engine in one precision")
                    .where("corrupt")
                    .expected("the model, engine and precision of clean")
                    .found(lab.corrupt().folder().slug());
        }
        String convention =
                lab.request().convention() == null ? "eap_ig" : lab.request().convention();
        if (!List.of("eap", "eap_ig").contains(convention)) {
            throw Problem.invalid("there is no such convention of edge attribution")
                    .where("convention")
                    .expected("eap or eap_ig")
                    .found('"' + convention + '"');
        }
        boolean integrated = convention.equals("eap_ig");
        if (!integrated && lab.answers().measure() == Measure.KL) {
            throw Problem.unsupported(
                            "the divergence from the clean run is flat at the clean run: it attributes nothing")
                    .where("metric.name, convention")
                    .expected("another metric, or convention eap_ig")
                    .found("kl with eap");
        }
        int steps = integrated ? lab.steps(lab.request().steps(), 5, 1_000, "steps") : 1;
        if (steps == 0)
            throw Problem.invalid("there are no steps").where("steps").expected("at least 1");
        Edges edges = new Edges(lab, ModelGraph.of(lab.spec()));
        edges.change();
        for (int k = 0; k < steps; k++) {
            lab.progress("gradients", k, steps);
            edges.step(integrated ? (double) k / steps : 1, steps);
        }
        return edges.found(integrated, steps);
    }

    /** The change of each writer's output, corrupt less clean. */
    private void change() {
        float[][] clean = outputs(lab.clean());
        float[][] corrupt = outputs(lab.corrupt());
        for (int w = 0; w < changes.length; w++) {
            changes[w] = new float[clean[w].length];
            for (int i = 0; i < changes[w].length; i++) changes[w][i] = corrupt[w][i] - clean[w][i];
        }
    }

    private float[][] outputs(Side side) {
        TreeSet<HookId> hooks = new TreeSet<>();
        for (Writer w : graph.writers()) {
            hooks.add(w.part() == Part.HEAD ? HookId.of(HookPoint.Z, w.layer()) : ModelGraph.output(lab.spec(), w));
        }
        side.values(hooks);
        float[][] out = new float[graph.writers().size()][];
        for (int w = 0; w < out.length; w++) {
            Writer writer = graph.writers().get(w);
            if (writer.part() != Part.HEAD) {
                out[w] = side.value(ModelGraph.output(lab.spec(), writer)).toFloats();
            } else if (writer.head() == 0) {
                float[] z = side.value(HookId.of(HookPoint.Z, writer.layer())).toFloats();
                float[][] heads = new Contributions(weights, writer.layer()).of(z);
                System.arraycopy(heads, 0, out, w, heads.length);
            }
        }
        return out;
    }

    /** Adds one pass's share: the gradients at the embedding that lies this share of the way from corrupt to clean. */
    private void step(double share, int steps) {
        TreeSet<HookId> wanted =
                new TreeSet<>(List.of(HookId.of(HookPoint.RESID_POST, lab.spec().nLayers() - 1)));
        TreeSet<HookId> read = new TreeSet<>();
        List<LayerReads> layers = new ArrayList<>();
        for (int i = 0; i < lab.spec().nLayers(); i++) {
            LayerReads reads = new LayerReads(weights, i);
            reads.gradients(wanted);
            reads.values(read);
            layers.add(reads);
        }
        for (Writer w : graph.writers()) wanted.add(ModelGraph.output(lab.spec(), w));
        HookId embed = HookId.of(HookPoint.EMBED);
        float[] clean = lab.clean().value(embed).toFloats();
        float[] corrupt = lab.corrupt().value(embed).toFloats();
        for (int i = 0; i < clean.length; i++) clean[i] = (float) (corrupt[i] + share * (clean[i] - corrupt[i]));
        Patch at = Patch.whole(embed, Tensor.of(clean, lab.clean().value(embed).shape()));
        float[][] logits = new float[1][];
        lab.clean().logits(List.of(List.of(at)), lab.answers().pos(), (row, l) -> logits[0] = l);
        Gradients g = lab.clean()
                .engine()
                .gradients(new GradientRequest(
                        lab.clean().ids(),
                        lab.answers().targets(logits[0]),
                        wanted,
                        false,
                        new SessionRequest(
                                lab.clean().length(),
                                read,
                                List.of(at.intervention()),
                                List.of(Map.of(embed, at.source())),
                                true)));
        IntStream.range(0, scores.length).parallel().forEach(r -> {
            Reader reader = graph.readers().get(r);
            float[] gradient = reader.part() == Part.LOGITS
                    ? g.hooks().get(ModelGraph.stream(lab.spec(), reader)).toFloats()
                    : layers.get(reader.layer()).gradient(reader, g.hooks(), g.values());
            for (int w = 0; w < scores[r].length; w++) scores[r][w] += dot(changes[w], gradient) / steps;
        });
        SortedMap<HookId, float[]> outputs = new TreeMap<>();
        for (int w = 0; w < nodes.length; w++) {
            HookId hook = ModelGraph.output(lab.spec(), graph.writers().get(w));
            float[] gradient =
                    outputs.computeIfAbsent(hook, h -> g.hooks().get(h).toFloats());
            nodes[w] += dot(changes[w], gradient) / steps;
        }
    }

    private static double dot(float[] a, float[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) sum += (double) a[i] * b[i];
        return sum;
    }

    private record Scored(int reader, int writer, double score) {}

    private Found found(boolean integrated, int steps) {
        List<Scored> all = new ArrayList<>();
        for (int r = 0; r < scores.length; r++)
            for (int w = 0; w < scores[r].length; w++) all.add(new Scored(r, w, scores[r][w]));
        boolean signed = Boolean.TRUE.equals(lab.request().signed());
        // A metric that falls when an edge is corrupted has that edge to thank: signed, the most negative come first.
        all.sort(Comparator.comparingDouble(e -> signed ? direction() * e.score() : -Math.abs(e.score())));
        int measure = Math.min(all.size(), lab.steps(lab.request().measured(), 10, 1_000, "measured"));
        int keep = Math.min(all.size(), lab.steps(lab.request().keep(), 200, 1_000_000, "keep"));
        int[] sizes = sizes(all.size());
        List<boolean[][]> circuits = new ArrayList<>();
        for (int size : sizes) circuits.add(best(all, size));
        for (int i = 0; i < measure; i++) {
            boolean[][] without = best(all, all.size());
            without[all.get(i).reader()][all.get(i).writer()] = false;
            circuits.add(without);
        }
        circuits.add(best(all, 0));
        circuits.add(best(all, all.size()));
        double[] m = new Circuits(lab, graph, changes).run(circuits);
        List<Faithful> faithful = new ArrayList<>();
        for (int i = 0; i < sizes.length; i++)
            faithful.add(new Faithful(sizes[i], m[i], lab.metric().normalised(m[i])));
        List<Measured> measured = new ArrayList<>();
        for (int i = 0; i < measure; i++) {
            measured.add(new Measured(
                    name(all.get(i)),
                    all.get(i).score(),
                    m[sizes.length + i] - lab.metric().clean()));
        }
        List<Invariant> invariants = new ArrayList<>(sums());
        double within = 10 * lab.metric().noise()
                + 1e-3 * Math.abs(lab.metric().clean() - lab.metric().corrupt());
        invariants.add(
                Invariant.of("no edge kept: the corrupt run", lab.metric().corrupt(), m[m.length - 2], within));
        invariants.add(
                Invariant.of("every edge kept: the clean run", lab.metric().clean(), m[m.length - 1], within));
        EdgeGraph edges = new EdgeGraph(
                graph.writers().size(),
                graph.readers().size(),
                all.size(),
                all.subList(0, keep).stream()
                        .map(e -> new Edge(
                                graph.writers().get(e.writer()).name(),
                                graph.readers().get(e.reader()).name(),
                                e.score()))
                        .toList(),
                IntStream.range(0, nodes.length)
                        .mapToObj(w -> new Node(graph.writers().get(w).name(), nodes[w]))
                        .toList(),
                faithful,
                area(faithful, all.size(), false),
                area(faithful, all.size(), true));
        String words = integrated
                ? "eap_ig: (corrupt - clean) . mean of dM/dinput at corrupt + k/" + steps
                        + " (clean - corrupt), k = 0 to " + (steps - 1) + " (Hanna et al. 2024)"
                : "eap: (corrupt - clean) . dM/dinput at the clean run (Syed et al. 2023)";
        String ranked = signed ? "; ranked by sign" : "; ranked by magnitude";
        return Found.of(words + ranked + "; edges left out of a circuit carry the corrupt run's values", invariants)
                .graph(edges)
                .measured(measured)
                .correlation(Attribution.correlation(measured))
                .build();
    }

    /** 1 where the clean run's metric is the larger. */
    private int direction() {
        return lab.metric().clean() > lab.metric().corrupt() ? 1 : -1;
    }

    private int[] sizes(int edges) {
        if (lab.request().edges() != null) {
            for (Integer n : lab.request().edges()) {
                if (n != null && n >= 0 && n <= edges) continue;
                throw Problem.invalid("there is no such circuit")
                        .where("edges")
                        .expected("0 to " + edges)
                        .found(n);
            }
            return lab.request().edges().stream()
                    .mapToInt(n -> n)
                    .distinct()
                    .sorted()
                    .toArray();
        }
        return Arrays.stream(LADDER)
                .mapToInt(share -> (int) Math.round(share * edges))
                .distinct()
                .toArray();
    }

    /** The circuit of the best edges: [reader][writer]. */
    private boolean[][] best(List<Scored> ranked, int size) {
        boolean[][] kept = new boolean[scores.length][];
        for (int r = 0; r < kept.length; r++) kept[r] = new boolean[scores[r].length];
        for (Scored e : ranked.subList(0, size)) kept[e.reader()][e.writer()] = true;
        return kept;
    }

    private String name(Scored e) {
        return graph.writers().get(e.writer()).name() + "->"
                + graph.readers().get(e.reader()).name();
    }

    /** Every writer's edges sum to its own score, which autograd gives at its output: the worst of them. */
    private List<Invariant> sums() {
        double[] sums = new double[nodes.length];
        for (double[] row : scores) for (int w = 0; w < row.length; w++) sums[w] += row[w];
        double largest = 0;
        for (double node : nodes) largest = Math.max(largest, Math.abs(node));
        int worst = 0;
        for (int w = 1; w < sums.length; w++)
            if (Math.abs(sums[w] - nodes[w]) > Math.abs(sums[worst] - nodes[worst])) worst = w;
        return List.of(Invariant.of(
                "the edges of " + graph.writers().get(worst).name()
                        + ", of all writers the worst, sum to its score by autograd",
                nodes[worst],
                sums[worst],
                1e-3 * largest + 1e-6));
    }

    /** The area under the faithfulness over the share of edges (CPR), or between it and 1 (CMD); null for fewer than two circuits. */
    private static Double area(List<Faithful> curve, int edges, boolean distance) {
        if (curve.size() < 2) return null;
        double area = 0;
        for (int i = 1; i < curve.size(); i++) {
            double width = (double) (curve.get(i).edges() - curve.get(i - 1).edges()) / edges;
            double a = curve.get(i - 1).faithfulness();
            double b = curve.get(i).faithfulness();
            area += width * (distance ? Math.abs(1 - a) + Math.abs(1 - b) : a + b) / 2;
        }
        return area;
    }
}
