package org.llminspector.run.inspect.heads;

import java.util.List;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.analysis.Rotation;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Tensor;
import org.llminspector.family.Weights;
import org.llminspector.run.inspect.ModelNorms;
import org.llminspector.run.inspect.Unembedding;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Norm;

/**
 * A head's queries, keys, values and output columns for every token of the vocabulary, from weights alone: tables
 * [vocab, d_head].
 */
final class HeadTables {

    private final Weights weights;
    private final DecoderSpec spec;
    private final LayerSpec block;
    private final Attention attention;
    private final int layer;
    private final int head;
    private final int width;
    private final Rotation rotation; // null without RoPE
    private final int distance;

    HeadTables(Weights weights, DecoderSpec spec, int layer, int head, int distance) {
        this.weights = weights;
        this.spec = spec;
        this.block = spec.layers().get(layer);
        this.attention = block.attention();
        this.layer = layer;
        this.head = head;
        this.width = attention.dHead();
        this.rotation = attention.rope() == null ? null : new Rotation(attention.rope(), distance + 1);
        this.distance = distance;
    }

    /**
     * One head's queries, keys or values of every token, [vocab, d_head]; queries are scaled, and rotated by the
     * distance.
     */
    float[] projected(String matrix, int of) {
        float[] table = new float[Math.multiplyExact(spec.vocab(), width)];
        Projection projection = new Projection(matrix, of);
        weights.scan("embed.weight", (first, rows) -> {
            float[] x = new float[spec.dModel()];
            for (int r = 0; r < rows.shape()[0]; r++) {
                rows.toFloats((long) r * x.length, x, x.length);
                projection.of(x, table, (first + r) * width);
            }
        });
        return table;
    }

    float[] query(int id) {
        float[] query = new float[width];
        float[] x = weights.row("embed.weight", id);
        new Projection("q", head).of(x, query, 0);
        return query;
    }

    /** Projection of a token's row to one head's query, key or value. */
    private final class Projection {
        private final String matrix;
        private final int from; // offset of the head in the projection's output
        private final int outputWidth; // output width: all heads where a norm spans them, else one
        private final float[] transposed; // [d_model, wide]
        private final float[] bias; // [wide], or null
        private final Norm norm;
        private final float[] normWeight;
        private final int ownWeights; // offset of this head's norm weights
        private final UnaryOperator<float[]> lnEmbed = ModelNorms.whole(weights, spec.embedNorm(), "ln_embed");
        private final UnaryOperator<float[]> ln1 = ModelNorms.whole(weights, block.ln1(), "blocks." + layer + ".ln1");

        Projection(String matrix, int of) {
            this.matrix = matrix;
            String name = "blocks." + layer + ".attn." + matrix;
            this.norm = matrix.equals("q") ? attention.qNorm() : matrix.equals("k") ? attention.kNorm() : null;
            boolean all = norm != null && attention.qkNormWide();
            Tensor whole = weights.get(name + ".weight"); // [heads * d_head, d_model]
            this.outputWidth = all ? Math.toIntExact(whole.shape()[0]) : width;
            this.from = all ? of * width : 0;
            int start = all ? 0 : of * width;
            float[] rows = whole.rows(start, start + outputWidth).toFloats();
            this.transposed = new float[rows.length];
            int d = spec.dModel();
            for (int j = 0; j < outputWidth; j++)
                for (int i = 0; i < d; i++) transposed[i * outputWidth + j] = rows[j * d + i];
            this.bias = weights.has(name + ".bias")
                    ? java.util.Arrays.copyOfRange(weights.get(name + ".bias").toFloats(), start, start + outputWidth)
                    : null;
            this.normWeight =
                    norm == null ? null : weights.get(name + "_norm.weight").toFloats();
            this.ownWeights = norm != null && attention.qkNormByHead() ? of * width : 0;
        }

        void of(float[] row, float[] out, int at) {
            float[] x = row.clone();
            if (spec.embedScale() != 1) for (int i = 0; i < x.length; i++) x[i] *= spec.embedScale();
            x = ln1.apply(lnEmbed.apply(x));
            float[] y = new float[outputWidth];
            if (bias != null) System.arraycopy(bias, 0, y, 0, outputWidth);
            addProduct(x, transposed, y);
            if (attention.clip() != null) {
                for (int j = 0; j < outputWidth; j++)
                    y[j] = Math.max(-attention.clip(), Math.min(attention.clip(), y[j]));
            }
            if (norm != null) normed(y);
            if (matrix.equals("q")) {
                if (rotation != null) rotation.rotate(distance, y, from);
                for (int j = 0; j < width; j++) y[from + j] *= attention.scale();
            } else if (matrix.equals("k") && rotation != null) {
                rotation.rotate(0, y, from); // applies the factor on cos and sin
            }
            System.arraycopy(y, from, out, at, width);
        }

        private void normed(float[] y) {
            double scale = ModelNorms.scale(norm, y);
            double mean = 0;
            if (norm.kind() == Norm.Kind.LAYER) {
                for (float v : y) mean += v;
                mean /= y.length;
            }
            for (int j = 0; j < y.length; j++) y[j] = (float) ((y[j] - mean) / scale * normWeight[ownWeights + j]);
        }
    }

    /** Contribution of the head's output space to every token's logit, [vocab, d_head]. */
    float[] outputs() {
        int d = spec.dModel();
        float[] columns = outputColumns(weights, spec, layer, head);
        FrozenNorm last = ModelNorms.frozen(weights, spec.finalNorm(), "ln_final", 1);
        FrozenNorm after = ModelNorms.frozen(weights, block.ln1Post(), "blocks." + layer + ".ln1_post", 1);
        float[] table = new float[Math.multiplyExact(spec.vocab(), width)];
        float logitScale = Unembedding.scale(spec);
        weights.scan(Unembedding.table(spec), (first, rows) -> {
            float[] u = new float[d];
            float[] y = new float[width];
            for (int r = 0; r < rows.shape()[0]; r++) {
                rows.toFloats((long) r * d, u, d);
                for (int i = 0; i < d; i++) u[i] *= logitScale;
                float[] toward = Vectors.scaled(after.pulled(last.pulled(u)), block.residualScale());
                java.util.Arrays.fill(y, 0);
                addProduct(toward, columns, y);
                System.arraycopy(y, 0, table, (first + r) * width, width);
            }
        });
        return table;
    }

    /**
     * y += x . matrix, four rows of it at a time: y is then read and written a quarter as often.
     *
     * @param matrix [x, y]
     */
    private static void addProduct(float[] x, float[] matrix, float[] y) {
        int wide = y.length;
        int i = 0;
        for (; i + 3 < x.length; i += 4) {
            float a = x[i];
            float b = x[i + 1];
            float c = x[i + 2];
            float d = x[i + 3];
            int line = i * wide;
            for (int j = 0; j < wide; j++) {
                int at = line + j;
                y[j] += a * matrix[at] + b * matrix[at + wide] + c * matrix[at + 2 * wide] + d * matrix[at + 3 * wide];
            }
        }
        for (; i < x.length; i++) for (int j = 0; j < wide; j++) y[j] += x[i] * matrix[i * wide + j];
    }

    /** Subtracts the mean row from every row. */
    void centre(float[] table) {
        double[] mean = new double[width];
        int n = table.length / width;
        for (int i = 0; i < table.length; i++) mean[i % width] += table[i];
        for (int j = 0; j < width; j++) mean[j] /= n;
        for (int i = 0; i < table.length; i++) table[i] -= (float) mean[i % width];
    }

    List<float[]> rows(float[] table, List<Integer> ids) {
        return ids.stream()
                .map(id -> java.util.Arrays.copyOfRange(table, id * width, (id + 1) * width))
                .toList();
    }

    /** A head's columns of the output projection, [d_model, d_head]. */
    static float[] outputColumns(Weights weights, DecoderSpec spec, int layer, int head) {
        Attention attention = spec.layers().get(layer).attention();
        int width = attention.dHead();
        int all = attention.nHeads() * width;
        Tensor o = weights.get("blocks." + layer + ".attn.o.weight"); // [d_model, heads * d_head]
        float[] columns = new float[spec.dModel() * width];
        float[] line = new float[all];
        for (int i = 0; i < spec.dModel(); i++) {
            o.toFloats((long) i * all, line, all);
            System.arraycopy(line, head * width, columns, i * width, width);
        }
        return columns;
    }
}
