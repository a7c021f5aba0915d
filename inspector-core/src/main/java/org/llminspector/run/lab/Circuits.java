package org.llminspector.run.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.lab.graph.Contributions;
import org.llminspector.run.lab.graph.LayerReads;
import org.llminspector.run.lab.graph.ModelGraph;
import org.llminspector.run.lab.graph.ModelGraph.Part;
import org.llminspector.run.lab.graph.ModelGraph.Reader;
import org.llminspector.run.lab.graph.ModelGraph.Writer;
import org.llminspector.run.lab.side.Patch;
import org.llminspector.spec.Attention;

/**
 * Circuits run exactly: every reader reads the corrupt stream plus the changes of those writers whose edges to it are kept. A layer's
 * queries, keys and values are made of their own inputs and given to the engine, one row a circuit; query heads that share a key
 * have rows of their own, as each may read another one.
 */
final class Circuits {

    /** Bytes of the changes of all writers of the circuits that run together. */
    private static final long MOST_BYTES = 512L << 20;

    private final Lab lab;
    private final ModelGraph graph;
    private final float[] input; // clean less corrupt, [pos * d_model]
    private final int size;

    /** @param changes of each writer, corrupt less clean */
    Circuits(Lab lab, ModelGraph graph, float[][] changes) {
        this.lab = lab;
        this.graph = graph;
        this.size = changes[0].length;
        this.input = new float[size];
        for (int i = 0; i < size; i++) input[i] = -changes[0][i];
    }

    /** The metric of each circuit, [reader][writer]. */
    double[] run(List<boolean[][]> circuits) {
        long each = (long) graph.writers().size() * size * Float.BYTES;
        int together = (int) Math.max(1, Math.min(circuits.size(), MOST_BYTES / Math.max(1, each)));
        double[] out = new double[circuits.size()];
        for (int from = 0; from < out.length; from += together) {
            lab.progress("circuits", from, out.length);
            List<boolean[][]> some = circuits.subList(from, Math.min(out.length, from + together));
            double[] m = together(some);
            System.arraycopy(m, 0, out, from, m.length);
        }
        return out;
    }

    private double[] together(List<boolean[][]> circuits) {
        float[][][] changes =
                new float[circuits.size()][graph.writers().size()][]; // clean less corrupt, as the circuit has it
        for (float[][] c : changes) c[0] = input;
        for (int i = 0; i < lab.spec().nLayers(); i++) {
            lab.progress("circuits", i, lab.spec().nLayers());
            layer(i, circuits, changes);
        }
        double[] out = new double[circuits.size()];
        int last = graph.readers().size() - 1;
        int d = lab.spec().dModel();
        for (int c = 0; c < out.length; c++) {
            float[] x = input(last, circuits.get(c), changes[c]);
            float[] end = new float[d];
            System.arraycopy(x, lab.answers().pos() * d, end, 0, d);
            Tensor logits = lab.corrupt().engine().unembed(Tensor.of(end, 1, 1, d));
            out[c] = lab.answers().of(logits.toFloats());
        }
        return out;
    }

    /** What a reader reads: the corrupt stream and the changes of the writers whose edges are kept. */
    private float[] input(int reader, boolean[][] circuit, float[][] changes) {
        HookId stream = ModelGraph.stream(lab.spec(), graph.readers().get(reader));
        float[] x = lab.corrupt().value(stream).toFloats();
        for (int w = 0; w < circuit[reader].length; w++) {
            if (!circuit[reader][w]) continue;
            for (int i = 0; i < size; i++) x[i] += changes[w][i];
        }
        return x;
    }

    private void layer(int layer, List<boolean[][]> circuits, float[][][] changes) {
        List<Integer> readers = IntStream.range(0, graph.readers().size())
                .filter(r -> graph.readers().get(r).layer() == layer)
                .boxed()
                .toList();
        List<Integer> writers = IntStream.range(0, graph.writers().size())
                .filter(w -> graph.writers().get(w).layer() == layer)
                .boxed()
                .toList();
        for (int r : readers) {
            Reader reader = graph.readers().get(r);
            if (reader.part() == Part.MIXER || reader.part() == Part.MLP) {
                int writer = writers.stream()
                        .filter(w -> graph.writers().get(w).part() == reader.part())
                        .findFirst()
                        .orElseThrow();
                whole(r, writer, circuits, changes);
            } else if (reader.part() == Part.Q && reader.head() == 0) {
                heads(layer, readers, writers, circuits, changes);
            }
        }
    }

    /** A mixer or an MLP: the stream that it reads is replaced, and its output is read. */
    private void whole(int reader, int writer, List<boolean[][]> circuits, float[][][] changes) {
        HookId stream = ModelGraph.stream(lab.spec(), graph.readers().get(reader));
        Writer w = graph.writers().get(writer);
        HookId output = ModelGraph.output(lab.spec(), w);
        Tensor corrupt = lab.corrupt().value(output);
        long[] shape = lab.corrupt().value(stream).shape();
        List<List<Patch>> rows = new ArrayList<>();
        for (int c = 0; c < circuits.size(); c++) {
            float[] x = input(reader, circuits.get(c), changes[c]);
            rows.add(List.of(Patch.whole(stream, Tensor.of(x, shape))));
        }
        lab.corrupt().run(rows, new TreeSet<>(List.of(output)), (row, hook, value) -> {
            changes[row][writer] = less(value.toFloats(), corrupt.toFloats());
        });
    }

    private static float[] less(float[] a, float[] b) {
        for (int i = 0; i < a.length; i++) a[i] -= b[i];
        return a;
    }

    private void heads(
            int layer, List<Integer> readers, List<Integer> writers, List<boolean[][]> circuits, float[][][] changes) {
        LayerReads reads = new LayerReads(lab.corrupt().folder().weights(), layer);
        Contributions contributions = new Contributions(lab.corrupt().folder().weights(), layer);
        Attention a = reads.attention();
        int n = size / lab.spec().dModel();
        int group = reads.group();
        float[][][] q = new float[circuits.size()][1][n * a.nHeads() * a.dHead()];
        float[][][] k = new float[circuits.size()][group][n * a.nKvHeads() * a.dHead()];
        float[][][] v = new float[circuits.size()][group][n * a.nKvHeads() * a.dValue()];
        int each = readers.size();
        IntStream.range(0, circuits.size() * each).parallel().forEach(job -> {
            int c = job / each;
            int r = readers.get(job % each);
            Reader reader = graph.readers().get(r);
            if (reader.head() < 0) return;
            float[][] to = reader.part() == Part.Q ? q[c] : reader.part() == Part.K ? k[c] : v[c];
            int member = reader.part() == Part.Q ? 0 : reader.head() % group;
            reads.read(reader.part(), reader.head(), input(r, circuits.get(c), changes[c]), to[member]);
        });
        HookId z = HookId.of(HookPoint.Z, layer);
        List<List<Patch>> rows = new ArrayList<>();
        for (int c = 0; c < circuits.size(); c++) {
            Patch query = patch(HookPoint.Q, layer, q[c][0], n, a.nHeads());
            for (int m = 0; m < group; m++) {
                rows.add(List.of(
                        query,
                        patch(HookPoint.K, layer, k[c][m], n, a.nKvHeads()),
                        patch(HookPoint.V, layer, v[c][m], n, a.nKvHeads())));
            }
        }
        float[][] sums = new float[circuits.size()][n * a.nHeads() * a.dValue()]; // z, each head from its own row
        lab.corrupt().run(rows, new TreeSet<>(List.of(z)), (row, hook, value) -> {
            float[] found = value.toFloats();
            for (int i = 0; i < found.length; i++) {
                int head = i / a.dValue() % a.nHeads();
                if (head % group == row % group) sums[row / group][i] = found[i];
            }
        });
        float[][] corrupt = contributions.of(lab.corrupt().value(z).toFloats());
        IntStream.range(0, circuits.size()).parallel().forEach(c -> {
            float[][] own = contributions.of(sums[c]);
            for (int w : writers) {
                Writer writer = graph.writers().get(w);
                if (writer.part() == Part.HEAD) changes[c][w] = less(own[writer.head()], corrupt[writer.head()]);
            }
        });
    }

    private static Patch patch(HookPoint point, int layer, float[] values, int n, int heads) {
        return Patch.whole(HookId.of(point, layer), Tensor.of(values, 1, n, heads, values.length / (n * heads)));
    }
}
