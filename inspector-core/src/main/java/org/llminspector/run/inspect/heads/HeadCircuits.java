package org.llminspector.run.inspect.heads;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.IntPredicate;
import org.llminspector.analysis.Composition;
import org.llminspector.analysis.PairSearch;
import org.llminspector.analysis.RowScan;
import org.llminspector.base.Parallel;
import org.llminspector.base.Problem;
import org.llminspector.family.Weights;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.inspect.StreamSums;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/**
 * QK and OV circuits of a head, from its weights alone (Elhage et al. 2021): which keys a token's query attends to, and
 * which logits a token raises when it is attended to. A token is its embedding, normed as the layer norms its input;
 * what earlier layers add is left out.
 *
 * <p>A table is [vocab, d_head], one at a time; of two tables the longest rows are multiplied in blocks ({@link
 * PairSearch}). Thread-safe.
 */
public final class HeadCircuits {

    /** @param score by which the pair is ranked */
    public record TokenScore(int id, String text, double score) {}

    /** A pair of tokens: query and key, or source and written token. */
    public record TokenPair(int from, String fromText, int to, String toText, double score) {}

    /**
     * @param bound upper bound on the score of pairs that were not computed; null where all were
     * @param exact whether these are certainly the strongest
     */
    public record Pairs(int candidates, Double bound, boolean exact, List<TokenPair> pairs) {}

    /**
     * One token's strongest pairs in a head.
     *
     * @param seeks keys with the highest score for its query
     * @param soughtBy queries with the highest score for its key
     * @param writes tokens whose logits it raises most when attended to
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
     * QK and OV circuits of a head.
     *
     * @param distance query position minus key position; sets the rotation where the layer has RoPE
     * @param rotated whether the layer has RoPE
     * @param words whether only tokens with a letter or a digit are considered
     * @param seeks ranked by q . k x scale minus the query's mean over all keys, to which softmax is invariant
     * @param writes ranked by what attending to the first (weight 1) adds to the second's logit, minus that of an
     *     average token and minus the mean over all logits; before the final norm's division
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
     * Q-, K- and V-composition of one earlier head with this head.
     *
     * @param composition scores of Elhage et al. 2021, as in TransformerLens's all_composition_scores
     */
    public record Reads(int layer, int head, Composition composition) {}

    /** Composition with every earlier head, layer by layer. */
    public record Compositions(String model, int layer, int head, List<Reads> from) {}

    /** Most multiplications of one search. */
    private static final long MULTIPLICATIONS = 1L << 31;

    private static final int MOST_TOKENS = 64;

    private final OpenModels models;

    public HeadCircuits(OpenModels models) {
        this.models = models;
    }

    /**
     * A head's strongest pairs, and those of the given tokens.
     *
     * @param distance query position minus key position, at least 0
     * @param ids at most 64, each listed with its own strongest pairs
     * @param words whether only tokens with a letter or a digit may be in a pair; means are over all tokens
     * @throws Problem INVALID for what the model does not have; UNSUPPORTED for an exported graph, whose weights are
     *     not known
     */
    public Circuits circuits(
            String slug, int layer, int head, int distance, List<Integer> ids, boolean words, int top) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        StreamSums.check(spec);
        Attention attention = readable(spec, layer);
        Bounds.within(head, attention.nHeads(), "head");
        Bounds.within(distance, spec.maxContext(), "distance");
        if (ids.size() > MOST_TOKENS) {
            throw Problem.invalid("these are too many tokens")
                    .where("ids")
                    .expected("at most " + MOST_TOKENS)
                    .found(ids.size());
        }
        for (int id : ids) Bounds.within(id, spec.vocab(), "token");
        HeadTables tables = new HeadTables(folder.weights(), spec, layer, head, distance);
        Search s = new Search(folder, attention.dHead(), words ? words(folder) : id -> true, top);
        int shared = head / (attention.nHeads() / attention.nKvHeads());

        float[] keys = tables.projected("k", shared);
        tables.centre(keys);
        List<List<TokenScore>> seeks = new ArrayList<>();
        for (int id : ids) seeks.add(s.highest(keys, tables.query(id), 1));
        PairSearch.Candidates k = s.candidates(keys);
        List<float[]> ownKeys = tables.rows(keys, ids);
        keys = null; // one table at a time
        float[] queries = tables.projected("q", head);
        List<List<TokenScore>> soughtBy = new ArrayList<>();
        for (float[] key : ownKeys) soughtBy.add(s.highest(queries, key, 1));
        Pairs sought = s.pairs(s.candidates(queries), k);
        queries = null;

        float[] values = tables.projected("v", shared);
        tables.centre(values);
        PairSearch.Candidates v = s.candidates(values);
        List<float[]> ownValues = tables.rows(values, ids);
        values = null;
        float[] outputs = tables.outputs();
        tables.centre(outputs);
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
     * Composition of every earlier head with this head.
     *
     * @throws Problem as {@link #circuits}
     */
    public Compositions compositions(String slug, int layer, int head) {
        ModelFolder folder = models.folder(slug);
        DecoderSpec spec = folder.spec();
        StreamSums.check(spec);
        Bounds.within(head, readable(spec, layer).nHeads(), "head");
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

    /**
     * Refuses attention whose keys and values pass through a normed latent vector: they are not a token's row times one
     * matrix.
     */
    private static Attention readable(DecoderSpec spec, int layer) {
        Attention attention = Bounds.attention(spec, layer);
        if (attention.dValue() != attention.dHead() && attention.latent() == null)
            throw Problem.unsupported("what these heads seek and write is not read from their weights")
                    .where("layer " + layer)
                    .expected("values as wide as keys, " + attention.dHead())
                    .found(attention.dValue())
                    .instead("a run shows them: attn.hook_pattern, attn.hook_z, attn.hook_result");
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
        float[] columns = HeadTables.outputColumns(weights, spec, layer, head); // [d_model, d_head]
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

    /** Accepts tokens with a letter or a digit; all tokens where the model has no tokenizer. */
    private static IntPredicate words(ModelFolder folder) {
        if (folder.tokenizer() == null) return id -> true;
        BitSet words = new BitSet();
        for (int id = 0; id < folder.spec().vocab(); id++) {
            Token token = folder.token(id);
            words.set(id, !token.special() && token.text().codePoints().anyMatch(Character::isLetterOrDigit));
        }
        return words::get;
    }

    /** One request's rankings of a head's tables. */
    private record Search(ModelFolder folder, int width, IntPredicate wanted, int top) {

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

        /** Rows with the largest dot product with a vector; the smallest for sign -1. */
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
