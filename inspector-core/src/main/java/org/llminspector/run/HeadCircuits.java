package org.llminspector.run;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;
import java.util.function.UnaryOperator;
import org.llminspector.analysis.Composition;
import org.llminspector.analysis.FrozenNorm;
import org.llminspector.analysis.PairSearch;
import org.llminspector.analysis.Rotation;
import org.llminspector.analysis.RowScan;
import org.llminspector.analysis.Vectors;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.family.Weights;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Norm;
import org.llminspector.tokenize.Token;

/**
 * HeadCircuits read a head's weights alone (Elhage et al. 2021): QK, which token its queries seek in which keys, and OV, which
 * token's logit it raises on reading which. A token is its embedding, normed as the layer norms what it reads: what earlier
 * layers add to it is not in it.
 *
 * <p>A table is [vocab, d_head], one at a time; of two tables the longest rows are multiplied in blocks ({@link PairSearch}).
 * Safe on any thread.
 */
public final class HeadCircuits {

    /** @param score by which the pair stands out */
    public record TokenScore(int id, String text, double score) {}

    /** A pair of tokens: a query and a key, or what is read and what is written. */
    public record TokenPair(int from, String fromText, int to, String toText, double score) {}

    /**
     * @param bound no pair that was not looked at scores more; null where all were
     * @param exact whether these are surely the strongest
     */
    public record Pairs(int candidates, Double bound, boolean exact, List<TokenPair> pairs) {}

    /**
     * One token in the head.
     *
     * @param seeks keys that its query fits best
     * @param soughtBy queries that its key fits best
     * @param writes tokens whose logits it raises most when it is read
     * @param lowers those it lowers most
     */
    public record Of(
            int id,
            String text,
            List<TokenScore> seeks,
            List<TokenScore> soughtBy,
            List<TokenScore> writes,
            List<TokenScore> lowers) {}

    /**
     * Circuits are a head's two.
     *
     * @param distance positions that the query stands after the key; pairs turn by it where the layer has RoPE
     * @param rotated whether it does
     * @param words whether only tokens with a letter or a digit were looked at
     * @param seeks by q . k x scale, less the query's average over all keys, which the softmax takes away
     * @param writes by what reading the first adds to the second's logit beyond what reading an average token adds, less the
     *     average over all logits: a unit of attention, and before the final norm's division
     */
    public record Circuits(
            String model,
            int layer,
            int head,
            int kvHead,
            int distance,
            boolean rotated,
            boolean words,
            int vocab,
            Pairs seeks,
            Pairs writes,
            List<Of> of) {}

    /**
     * Reads is what one earlier head writes that this head's queries, keys and values could read.
     *
     * @param composition by Elhage et al. 2021, as TransformerLens's all_composition_scores has it
     */
    public record Reads(int layer, int head, Composition composition) {}

    /** Every earlier head, layer by layer. */
    public record Compositions(String model, int layer, int head, List<Reads> from) {}

    /** Products of two numbers that one search takes. */
    private static final long MULTIPLICATIONS = 1L << 31;

    private static final int MOST_TOKENS = 64;

    private final OpenModels models;

    HeadCircuits(OpenModels models) {
        this.models = models;
    }

    /**
     * A head's strongest pairs, and these tokens' own.
     *
     * @param distance from 0 on
     * @param ids at most 64, each with what it seeks and writes
     * @param words whether only tokens with a letter or a digit may be in a pair; the averages are of all
     * @throws Problem INVALID for what the model does not have; UNSUPPORTED for an exported graph, whose weights are not known
     */
    public Circuits circuits(
            String slug, int layer, int head, int distance, List<Integer> ids, boolean words, int top) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        StreamSums.check(spec);
        Attention attention = readable(spec, layer);
        Heads.within(head, attention.nHeads(), "head");
        Heads.within(distance, spec.maxContext(), "distance");
        if (ids.size() > MOST_TOKENS) {
            throw Problem.invalid("these are too many tokens")
                    .where("ids")
                    .expected("at most " + MOST_TOKENS)
                    .found(ids.size());
        }
        for (int id : ids) Heads.within(id, spec.vocab(), "token");
        Search s = new Search(folder, layer, head, distance, words ? words(folder) : id -> true, top);
        int shared = head / (attention.nHeads() / attention.nKvHeads());

        float[] keys = s.projected("k", shared);
        s.centre(keys);
        List<List<TokenScore>> seeks = new ArrayList<>();
        for (int id : ids) seeks.add(s.highest(keys, s.query(id), 1));
        PairSearch.Candidates k = s.candidates(keys);
        List<float[]> ownKeys = s.rows(keys, ids);
        keys = null; // one table at a time
        float[] queries = s.projected("q", head);
        List<List<TokenScore>> soughtBy = new ArrayList<>();
        for (float[] key : ownKeys) soughtBy.add(s.highest(queries, key, 1));
        Pairs sought = s.pairs(s.candidates(queries), k);
        queries = null;

        float[] values = s.projected("v", shared);
        s.centre(values);
        PairSearch.Candidates v = s.candidates(values);
        List<float[]> ownValues = s.rows(values, ids);
        values = null;
        float[] outputs = s.outputs();
        s.centre(outputs);
        List<List<TokenScore>> writes = new ArrayList<>();
        List<List<TokenScore>> lowers = new ArrayList<>();
        for (float[] value : ownValues) {
            writes.add(s.highest(outputs, value, 1));
            lowers.add(s.highest(outputs, value, -1));
        }
        Pairs written = s.pairs(v, s.candidates(outputs));
        List<Of> of = new ArrayList<>();
        for (int i = 0; i < ids.size(); i++) {
            of.add(new Of(
                    ids.get(i),
                    folder.token(ids.get(i)).text(),
                    seeks.get(i),
                    soughtBy.get(i),
                    writes.get(i),
                    lowers.get(i)));
        }
        return new Circuits(
                slug,
                layer,
                head,
                shared,
                distance,
                attention.rope() != null,
                words,
                spec.vocab(),
                sought,
                written,
                of);
    }

    /**
     * How much of what every earlier head writes this head could read.
     *
     * @throws Problem as {@link #circuits}
     */
    public Compositions compositions(String slug, int layer, int head) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        StreamSums.check(spec);
        Heads.within(head, readable(spec, layer).nHeads(), "head");
        Weights weights = folder.weights();
        Composition.Matrices later = matrices(weights, spec, layer, head);
        List<Reads> from = new ArrayList<>();
        for (int earlier : spec.attending().stream().filter(l -> l < layer).toList()) {
            Reads[] of = new Reads[spec.layers().get(earlier).attention().nHeads()];
            Parallel.each(
                    of.length,
                    h -> of[h] = new Reads(earlier, h, Composition.of(matrices(weights, spec, earlier, h), later)));
            from.addAll(List.of(of));
        }
        return new Compositions(slug, layer, head, from);
    }

    /** Keys and values that are made of a normed vector on the way are no product of a token's row and one matrix. */
    private static Attention readable(DecoderSpec spec, int layer) {
        Attention attention = Heads.attention(spec, layer);
        if (attention.latent() == null) return attention;
        throw Problem.unsupported("what these heads seek and write is not read from their weights")
                .where("layer " + layer)
                .expected("keys and values made of the layer's input")
                .found("keys and values made of a latent vector, with a norm between the two matrices")
                .instead("a run shows them: attn.hook_pattern, attn.hook_kv_latent, attn.hook_result");
    }

    private static Composition.Matrices matrices(Weights weights, DecoderSpec spec, int layer, int head) {
        Attention attention = spec.layers().get(layer).attention();
        int shared = head / (attention.nHeads() / attention.nKvHeads());
        int width = attention.dHead();
        String name = "blocks." + layer + ".attn.";
        float[] columns = outputColumns(weights, spec, layer, head); // [d_model, d_head]
        float[] o = new float[columns.length];
        int d = spec.dModel();
        for (int i = 0; i < d; i++) for (int j = 0; j < width; j++) o[j * d + i] = columns[i * width + j];
        return new Composition.Matrices(
                rows(weights, name + "q.weight", head, width),
                rows(weights, name + "k.weight", shared, width),
                rows(weights, name + "v.weight", shared, width),
                o,
                width);
    }

    private static float[] rows(Weights weights, String name, int head, int width) {
        return weights.get(name).rows(head * width, (head + 1) * width).toFloats();
    }

    /** A head's columns of the output projection, [d_model, d_head]. */
    private static float[] outputColumns(Weights weights, DecoderSpec spec, int layer, int head) {
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

    /** Tokens that say something; all of them where the model has no tokenizer. */
    private static IntPredicate words(ModelFolder folder) {
        if (folder.tokenizer() == null) return id -> true;
        BitSet words = new BitSet();
        for (int id = 0; id < folder.spec().vocab(); id++) {
            Token token = folder.token(id);
            words.set(id, !token.special() && token.text().codePoints().anyMatch(Character::isLetterOrDigit));
        }
        return words::get;
    }

    /** Search is one request at work on one head's weights. */
    private static final class Search {
        private final ModelFolder folder;
        private final Weights weights;
        private final DecoderSpec spec;
        private final LayerSpec block;
        private final Attention attention;
        private final int layer;
        private final int head;
        private final int width;
        private final Rotation rotation; // null where the layer does not rotate
        private final int distance;
        private final IntPredicate wanted;
        private final int top;

        Search(ModelFolder folder, int layer, int head, int distance, IntPredicate wanted, int top) {
            this.folder = folder;
            this.weights = folder.weights();
            this.spec = folder.spec();
            this.block = spec.layers().get(layer);
            this.attention = block.attention();
            this.layer = layer;
            this.head = head;
            this.width = attention.dHead();
            this.rotation = attention.rope() == null ? null : new Rotation(attention.rope(), distance + 1);
            this.distance = distance;
            this.wanted = wanted;
            this.top = top;
        }

        /** One head's queries, keys or values of every token, [vocab, d_head]; queries are scaled, and turned by the distance. */
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

        /** Projection makes one head's query, key or value of a token's row. */
        private final class Projection {
            private final String matrix;
            private final int from; // of the head, in the projection's output
            private final int wide; // all heads where a norm runs over all of them, else one
            private final float[] turned; // [d_model, wide]
            private final float[] bias; // [wide], or null
            private final Norm norm;
            private final float[] normWeight;
            private final int ownWeights; // where this head's begin in them
            private final UnaryOperator<float[]> lnEmbed = ModelNorms.whole(weights, spec.embedNorm(), "ln_embed");
            private final UnaryOperator<float[]> ln1 =
                    ModelNorms.whole(weights, block.ln1(), "blocks." + layer + ".ln1");

            Projection(String matrix, int of) {
                this.matrix = matrix;
                String name = "blocks." + layer + ".attn." + matrix;
                this.norm = matrix.equals("q") ? attention.qNorm() : matrix.equals("k") ? attention.kNorm() : null;
                boolean all = norm != null && attention.qkNormWide();
                Tensor whole = weights.get(name + ".weight"); // [heads * d_head, d_model]
                this.wide = all ? Math.toIntExact(whole.shape()[0]) : width;
                this.from = all ? of * width : 0;
                int start = all ? 0 : of * width;
                float[] rows = whole.rows(start, start + wide).toFloats();
                this.turned = new float[rows.length];
                int d = spec.dModel();
                for (int j = 0; j < wide; j++) for (int i = 0; i < d; i++) turned[i * wide + j] = rows[j * d + i];
                this.bias = weights.has(name + ".bias")
                        ? java.util.Arrays.copyOfRange(
                                weights.get(name + ".bias").toFloats(), start, start + wide)
                        : null;
                this.normWeight =
                        norm == null ? null : weights.get(name + "_norm.weight").toFloats();
                this.ownWeights = norm != null && attention.qkNormByHead() ? of * width : 0;
            }

            void of(float[] row, float[] out, int at) {
                float[] x = row.clone();
                if (spec.embedScale() != 1) for (int i = 0; i < x.length; i++) x[i] *= spec.embedScale();
                x = ln1.apply(lnEmbed.apply(x));
                float[] y = new float[wide];
                if (bias != null) System.arraycopy(bias, 0, y, 0, wide);
                addProduct(x, turned, y);
                if (attention.clip() != null) {
                    for (int j = 0; j < wide; j++) y[j] = Math.max(-attention.clip(), Math.min(attention.clip(), y[j]));
                }
                if (norm != null) normed(y);
                if (matrix.equals("q")) {
                    if (rotation != null) rotation.turn(distance, y, from);
                    for (int j = 0; j < width; j++) y[from + j] *= attention.scale();
                } else if (matrix.equals("k") && rotation != null) {
                    rotation.turn(0, y, from); // the factor on cos and sin, where there is one
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

        /** What every token's logit takes of the head's output, [vocab, d_head]. */
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
                    y[j] += a * matrix[at]
                            + b * matrix[at + wide]
                            + c * matrix[at + 2 * wide]
                            + d * matrix[at + 3 * wide];
                }
            }
            for (; i < x.length; i++) for (int j = 0; j < wide; j++) y[j] += x[i] * matrix[i * wide + j];
        }

        /** Takes the average row from every row. */
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

        PairSearch.Candidates candidates(float[] table) {
            return PairSearch.longest(table, width, PairSearch.most(width, MULTIPLICATIONS), wanted);
        }

        Pairs pairs(PairSearch.Candidates from, PairSearch.Candidates to) {
            PairSearch.Found found = PairSearch.highest(from, to, top);
            return new Pairs(
                    found.candidates(),
                    found.bound(),
                    found.exact(),
                    found.pairs().stream()
                            .map(p -> new TokenPair(
                                    p.left(),
                                    folder.token(p.left()).text(),
                                    p.right(),
                                    folder.token(p.right()).text(),
                                    p.score()))
                            .toList());
        }

        /** Rows whose product with a vector is largest, or smallest for a sign of -1. */
        List<TokenScore> highest(float[] table, float[] vector, int sign) {
            float[] scores = new float[table.length / width];
            for (int i = 0; i < scores.length; i++) {
                float sum = 0;
                for (int j = 0; j < width; j++) sum += table[i * width + j] * vector[j];
                scores[i] = sign * sum;
            }
            return RowScan.highest(scores, top, wanted).stream()
                    .map(s -> new TokenScore(s.row(), folder.token(s.row()).text(), sign * s.score()))
                    .toList();
        }
    }
}
