package org.llminspector.engine.torch.learn;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llminspector.base.Problem;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.layer.Block;
import org.llminspector.engine.layer.Embedding;
import org.llminspector.engine.layer.Routes;
import org.llminspector.engine.layer.Tap;
import org.llminspector.engine.torch.script.ScriptOps;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Norm;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/**
 * TorchScript of a training step's forward pass: the decoder's own layers over a batch, arranged for speed.
 *
 * <p>The weight of an RMSNorm is multiplied into the matrices that read it, which are smaller than the activations.
 * RoPE of whole heads is one complex product, for which the rows of q and k are interleaved into pairs. A product that
 * is added to the stream is one operation with the sum. Values [1, pos, ..] have the positions of all sequences here,
 * [1, batch * pos, ..], and those with heads [batch, pos, head, width].
 */
class LearnerScript extends ScriptOps {

    private record Normed(String x, String weight) {}

    /** A product not written yet; norm and bias may be null. */
    private record Product(String x, String weight, String norm, String bias, long rows, long cols) {}

    private final DecoderSpec spec;
    private final Map<String, Parameter> parameters;
    private final List<Parameter> order;
    private final boolean normsFollow; // a norm reads rotated heads, so their elements stay in their order
    private final Map<String, Normed> normed = new HashMap<>();
    private final Map<String, Product> products = new HashMap<>();
    private final Map<String, String> tables = new LinkedHashMap<>(); // variables of cos, sin and masks, by their key

    LearnerScript(DecoderSpec spec, ParameterLayout layout) {
        Learner.check(spec);
        this.spec = spec;
        this.order = layout.parameters();
        this.normsFollow = spec.layers().stream()
                .anyMatch(l -> l.attends() && l.attention().qkNormRotated());
        this.parameters = layout.byName();
        line("b = torch.size(ids, 0)");
        line("t = torch.size(ids, 1)");
        line("w = self.pieces(flat)");
        prepare();
        for (int r = 0; r < spec.ropes().size(); r++) line("turn" + r + " = torch.slice(turns" + r + ", 0, 0, t)");
        Embedding<String> ends = new Embedding<>(spec, this, Tap.none());
        Block<String> block = new Block<>(spec, this, Tap.none());
        String x = ends.embed("ids").stream();
        for (int i = 0; i < spec.nLayers(); i++) x = block.layer(i, x, null);
        line("return torch.squeeze(" + use(ends.normed(x)) + ", 0)");
    }

    /** Writes what a subclass has beside the weights. */
    void prepare() {}

    /**
     * Tables that the methods are given: for each RoPE of the model cos + i sin [pos, 1, dims / 2], complex, and for each
     * ALiBi its biases [head, pos].
     */
    List<String> given() {
        List<String> names = new ArrayList<>();
        for (int r = 0; r < spec.ropes().size(); r++) names.add("turns" + r);
        for (int a = 0; a < spec.alibis().size(); a++) names.add("alibi" + a);
        return names;
    }

    /**
     * {@code hidden(flat, ids, tables)}: from all weights [parameters] and token ids [batch, pos] to the last hidden
     * states [batch * pos, d_embed]; the methods' other parameter is {@code {tables}}.
     */
    String method() {
        return "def hidden(self, flat: Tensor, ids: Tensor, " + declared() + ") -> Tensor:\n" + text().indent(2);
    }

    /** The tables as parameters of a method. */
    String declared() {
        return given().stream().map(n -> n + ": Tensor").collect(Collectors.joining(", "));
    }

    /** The tables as arguments. */
    String passed() {
        return String.join(", ", given());
    }

    @Override
    public boolean has(String name) {
        return parameters.containsKey(name);
    }

    final Parameter parameter(String name) {
        Parameter p = parameters.get(name);
        if (p != null) return p;
        throw Problem.unsupported("a weight of this model cannot be trained: it is not in the learner's layout")
                .where("tensor " + name)
                .expected("one of " + parameters.keySet());
    }

    @Override
    protected String reference(String name) {
        return piece("w", parameter(name.equals("unembed.weight") && spec.tied() ? "embed.weight" : name));
    }

    /** A parameter's part of a flat array that a variable has in pieces. */
    final String piece(String pieces, Parameter p) {
        String piece = pieces + "[" + order.indexOf(p) + "]";
        return p.isMatrix() ? piece + ".view(" + p.shape() + ")" : piece;
    }

    @Override
    public String norm(String x, Norm norm, String module, int width) {
        if (norm.kind() != Norm.Kind.RMS || norm.bias()) return super.norm(x, norm, module, width);
        String n = let("torch.linalg_vector_norm(%s, 2, [-1], True)", x);
        String y = let(
                "torch.mul(%s, torch.rsqrt(torch.add(torch.mul(torch.mul(%s, %s), " + 1.0 / width + "), " + norm.eps()
                        + ")))",
                x,
                n,
                n);
        if (!norm.weight() || !has(module + ".weight")) return y;
        String weight = reference(module + ".weight");
        String weighted = later(y, "torch.mul(%s, " + weight + ")");
        normed.put(weighted, new Normed(y, weight));
        return weighted;
    }

    @Override
    public String linear(String x, String module) {
        String bias = has(module + ".bias") ? reference(module + ".bias") : null;
        String weight = reference(module + ".weight");
        List<Long> shape = parameter(module + ".weight").shape();
        Normed n = source(x) == null ? null : normed.get(x);
        String factor = n == null ? weight : "torch.mul(" + weight + ", " + n.weight() + ")";
        String in = n == null ? x : n.x();
        String y = later(in, "torch.linear(%s, " + factor + (bias == null ? ")" : ", " + bias + ")"));
        products.put(y, new Product(in, weight, n == null ? null : n.weight(), bias, shape.get(0), shape.get(1)));
        return y;
    }

    @Override
    public String exact(String x, String module) {
        return linear(x, module);
    }

    @Override
    public String matrix(String module) {
        return reference(module + ".weight");
    }

    /** Adds a product that is not written yet in the same operation. */
    @Override
    public String apply(Fn2 f, String a, String b) {
        Product p = source(b) == null ? null : products.get(b);
        if (f != Fn2.ADD || p == null || p.norm() != null || p.bias() != null) return super.apply(f, a, b);
        String sum = "torch.addmm(torch.squeeze(%s, 0), torch.squeeze(%s, 0), " + p.weight() + ".t())";
        return let("torch.unsqueeze(" + sum + ", 0)", a, p.x());
    }

    @Override
    public String heads(String x, int heads, int width) {
        return headed(x, "%s.view([b, t, " + heads + ", " + width + "])");
    }

    @Override
    public String flat(String x, int heads, int width) {
        String flat = super.flat(x, heads, width);
        return flat.equals(source(x)) ? flat : let("torch.reshape(%s, [1, b * t, " + heads * width + "])", x);
    }

    @Override
    public String embedding(String ids) {
        return let(
                "torch.embedding(" + reference("embed.weight") + ", %s).view([1, b * t, " + spec.tableWidth() + "])",
                ids);
    }

    @Override
    public String positions() {
        String rows = "torch.slice(" + reference("pos_embed.weight") + ", 0, 0, t)";
        return let("torch.reshape(torch.expand(" + rows + ", [b, t, -1]), [1, b * t, " + spec.dModel() + "])");
    }

    /** {@inheritDoc} Whole heads of a plain product are rotated as complex numbers, pair after pair. */
    @Override
    public String rotate(String x, Rope rope, int width) {
        String turn = "turn" + spec.ropes().indexOf(rope);
        Product p = source(x) == null || source(source(x)) == null ? null : products.get(source(x));
        if (p == null || p.bias() != null || normsFollow || rope.dims() != width || width % 2 != 0) {
            String table = tables.computeIfAbsent(turn, k -> {
                String parts = let("torch.view_as_real(" + turn + ")"); // [pos, 1, dims / 2, 2]
                String cos = let("torch.select(%s, -1, 0)", parts);
                String sin = let("torch.select(%s, -1, 1)", parts);
                line("cos_" + turn + " = torch.cat([" + cos + ", " + cos + "], -1)");
                line("sin_" + turn + " = torch.cat([torch.neg(" + sin + "), " + sin + "], -1)");
                return turn;
            });
            return rotated(x, rope, width, "cos_" + table, "sin_" + table);
        }
        long heads = p.rows() / width;
        String w = let(p.norm() == null ? p.weight() : "torch.mul(" + p.weight() + ", " + p.norm() + ")");
        String halves = "%s.view([" + heads + ", 2, " + width / 2 + ", " + p.cols() + "])";
        String paired = let(halves + ".transpose(1, 2).reshape([" + p.rows() + ", " + p.cols() + "])", w);
        String shape = "[b, t, " + heads + ", ";
        String pairs =
                let("torch.view_as_complex(torch.linear(%s, %s).view(" + shape + width / 2 + ", 2]))", p.x(), paired);
        return let("torch.view_as_real(torch.mul(%s, " + turn + ")).view(" + shape + width + "])", pairs);
    }

    @Override
    public boolean cachesHeads(int layer) {
        return true; // a step has no cache: latent vectors are expanded to keys and values
    }

    @Override
    public String keys(int layer, String k) {
        return transpose(k, 0, 2, 1, 3);
    }

    @Override
    public String values(int layer, String v) {
        return transpose(v, 0, 2, 1, 3);
    }

    @Override
    public String withState(int layer, String x, int past) {
        String before =
                "torch.zeros_like(torch.slice(torch.expand(torch.slice(%1$s, 1, 0, 1), [-1, " + past + ", -1]), 1, 0))";
        return let("torch.cat([" + before + ", %1$s], 1)", x);
    }

    @Override
    public String convolve(int layer, String x, String module, int width) {
        String apart = let("%s.view([b, t, " + spec.dModel() + "])", x);
        return let("torch.reshape(%s, [1, b * t, -1])", super.convolve(layer, apart, module, width));
    }

    @Override
    public String attend(int i, Attention a, String q, String k, String v, Tap<String> tap) {
        if (a.scoreSoftcap() != null || a.sinks()) return flattened(a, super.attend(i, a, q, k, v, tap));
        String mask = a.window() == null && a.chunk() == null && a.alibi() == null
                ? "None, 0., True"
                : mask(a) + ", 0., False";
        String keys = transpose(k, 0, 2, 1, 3); // [batch, pos, kv_head, d_head]
        String values = transpose(v, 0, 2, 1, 3);
        List.of(q, keys, values).forEach(this::use);
        String queries = let("%s.transpose(1, 2)", q);
        keys = repeated(keys, a, a.dHead());
        values = repeated(values, a, a.dValue());
        String z = let(
                "torch.scaled_dot_product_attention(%s, %s, %s, " + mask + ", scale=" + (double) a.scale() + ")",
                queries,
                keys,
                values);
        return flattened(a, let("%s.transpose(1, 2)", z));
    }

    /** [batch, pos, head, d_value] as heads of [1, batch * pos, head * d_value]. */
    private String flattened(Attention a, String z) {
        return heads(let("%s.reshape([1, b * t, " + a.nHeads() * a.dValue() + "])", z), a.nHeads(), a.dValue());
    }

    /** A key head for each of its query heads, [batch, head, pos, width]. */
    private String repeated(String x, Attention a, int width) {
        int group = a.nHeads() / a.nKvHeads();
        return let(
                "%s.view([b, t, " + a.nKvHeads() + ", 1, " + width + "]).expand([b, t, " + a.nKvHeads() + ", " + group
                        + ", " + width + "]).reshape([b, t, " + a.nHeads() + ", " + width + "]).transpose(1, 2)",
                x);
    }

    @Override
    public String masked(String scores, Attention a) {
        return add(scores, mask(a));
    }

    /** [pos] */
    private String positionsFromOne() {
        return let("torch.cumsum(torch.ones_like(torch.select(ids, 0, 0)), 0)");
    }

    @Override
    public String queryScale(QueryScale s) {
        return tables.computeIfAbsent("factors " + s, key -> {
            String name = "factors" + tables.size();
            String at = let("torch.to(torch.add(%s, " + (s.first() - 1) + "), 6)", positionsFromOne());
            String steps = let("torch.floor(torch.div(%s, " + (double) s.every() + "))", at);
            String grown = let("torch.mul(torch.log1p(%s), " + (double) s.beta() + ")", steps);
            line(name + " = torch.reshape(torch.add(" + use(grown) + ", 1), [-1, 1, 1])"); // [pos, 1, 1]
            return name;
        });
    }

    /** 0 where a query may attend, or ALiBi's bias, and a number below any score elsewhere: [.., query, key]. */
    private String mask(Attention a) {
        return tables.computeIfAbsent("mask " + a.reach() + " " + spec.alibis().indexOf(a.alibi()), key -> {
            String name = "mask" + tables.size();
            String at = positionsFromOne();
            String back = let("torch.sub(torch.unsqueeze(%1$s, 1), torch.unsqueeze(%1$s, 0))", at); // [query, key]
            String hidden = let("torch.lt(%s, 0)", back);
            if (a.window() != null)
                hidden = let("torch.logical_or(%s, torch.ge(%s, " + a.window() + "))", hidden, back);
            if (a.chunk() != null) {
                String chunk = let("torch.floor_divide(torch.sub(%s, 1), " + a.chunk() + ")", at);
                String other = let("torch.ne(torch.unsqueeze(%1$s, 1), torch.unsqueeze(%1$s, 0))", chunk);
                hidden = let("torch.logical_or(%s, %s)", hidden, other);
            }
            String bias = let("torch.mul(torch.to(%s, 6), 0.)", back);
            if (a.alibi() != null) {
                String own = "torch.slice(alibi" + spec.alibis().indexOf(a.alibi()) + ", 1, 0, t)"; // [head, pos]
                bias = let("torch.sub(torch.unsqueeze(" + own + ", 1), torch.unsqueeze(" + own + ", 2))");
            }
            line(name + " = torch.masked_fill(" + bias + ", " + hidden + ", -1e38)");
            return name;
        });
    }

    @Override
    public Routes<String> routes(String indices, Experts experts) {
        return new ScriptRoutes(indices, experts);
    }

    /** Rows of each expert, which may be none. */
    private final class ScriptRoutes implements Routes<String> {
        private final int slots;
        private final List<String> mine; // an expert's slots of all positions, [row]
        private final String place; // each slot's row

        ScriptRoutes(String chosen, Experts experts) {
            String flat = let("torch.reshape(%s, [-1])", chosen);
            slots = experts.active();
            mine = IntStream.range(0, experts.count())
                    .mapToObj(e -> let("torch.reshape(torch.nonzero(torch.eq(%s, " + e + ")), [-1])", flat))
                    .toList();
            place = let("torch.argsort(%s)", concat(0, mine));
        }

        private String rows(String x, String which) {
            return let("torch.unsqueeze(torch.index_select(torch.squeeze(%s, 0), 0, %s), 0)", x, which);
        }

        @Override
        public List<String> sent(String x) {
            return mine.stream()
                    .map(m -> rows(x, let("torch.floor_divide(%s, " + slots + ")", m)))
                    .toList();
        }

        @Override
        public List<List<String>> linears(List<String> rows, String experts, List<String> modules) {
            return modules.stream()
                    .map(m -> IntStream.range(0, rows.size())
                            .mapToObj(e -> linear(rows.get(e), experts + e + "." + m))
                            .toList())
                    .toList();
        }

        @Override
        public String bySlot(List<String> rows, int width) {
            return reshape(rows(concat(1, rows), place), 1, -1, slots, width);
        }

        @Override
        public List<String> byExpert(String value, int width) {
            return mine.stream().map(m -> rows(reshape(value, 1, -1, width), m)).toList();
        }
    }
}
