package org.llminspector.engine.onnx.layer;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.llminspector.base.Tensor;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.engine.layer.Routes;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Norm;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Rope;

/**
 * The operations of a decoder as plain ONNX nodes; a value is the name of a node's output.
 *
 * <p>Past keys and values are inputs, [1, past, kv_head, d_head], and this pass's are outputs, in the cache's number
 * format; scales of codes likewise, [1, past, kv_head, 1], and the states of {@link LayerState}.
 */
class NodeOps extends LengthOps {

    final Linears linears;
    final PositionNames names;
    private final DecoderSpec spec;
    /** A transposition of another value, of which a further one is made without the first. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Transposed(String of, long... axes) {}

    private final Map<String, Transposed> transposed = new HashMap<>();
    private final List<KvShape> shapes; // one per layer
    private final Map<Integer, String> keys = new HashMap<>(); // of each layer
    private final Map<Integer, String> values = new HashMap<>();
    private final KvFormats cache;

    NodeOps(
            GraphBuilder graph,
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            List<KvShape> shapes,
            KvFormats cache) {
        super(graph, encodings.weights());
        this.spec = spec;
        this.linears = new Linears(graph, encodings, plan, target, spec.tied());
        this.names = new PositionNames(spec);
        this.shapes = shapes;
        this.cache = cache;
    }

    /** Whether the cache's input is memory for all positions that is also its output; else new rows are outputs. */
    boolean inPlace() {
        return false;
    }

    @Override
    public boolean has(String name) {
        return weights.has(name);
    }

    @Override
    public String weight(String name) {
        return weights.floats(graph, name);
    }

    @Override
    public String number(double value) {
        return graph.scalar((float) value);
    }

    @Override
    public String linear(String x, String module) {
        return linears.write(use(x), module);
    }

    /** Through one product where the plan has them in the same quantized format: fewer operators per token. */
    @Override
    public List<String> linears(String x, List<String> modules) {
        Linears.Joined joined = linears.joined(use(x), modules);
        if (joined == null) return super.linears(x, modules);
        List<String> parts = split(joined);
        List<String> out = new ArrayList<>();
        for (int i = 0; i < parts.size(); i++) {
            String bias = modules.get(i) + ".bias";
            out.add(has(bias) ? node("Add", parts.get(i), weight(bias)) : parts.get(i));
        }
        return out;
    }

    /** The outputs of several modules, from all of them together. */
    List<String> split(Linears.Joined joined) {
        boolean[] wanted = new boolean[joined.widths().length];
        Arrays.fill(wanted, true);
        Attributes axis = new Attributes().with("axis", 2);
        return List.of(graph.node("Split", axis, wanted, joined.value(), graph.ints(joined.widths())));
    }

    @Override
    public String exact(String x, String module) {
        return linears.exact(use(x), module);
    }

    @Override
    public String matrix(String module) {
        return linears.floats(module);
    }

    @Override
    public String matmul(String a, String b) {
        return node("MatMul", a, b);
    }

    @Override
    public String apply(Fn2 f, String a, String b) {
        return node(operator(f.name()), a, b);
    }

    /** ONNX's name, as Add of ADD. */
    private static String operator(String name) {
        return name.charAt(0) + name.substring(1).toLowerCase(Locale.ROOT);
    }

    @Override
    public String apply(Fn f, String x) {
        return switch (f) {
            case GELU_TANH -> node("Gelu", new Attributes().with("approximate", "tanh"), x);
            case SQUARE -> node("Mul", x, x);
            case EXPM1 -> node("Elu", x);
            default -> node(operator(f.name()), x);
        };
    }

    @Override
    public String clip(String x, double least, double most) {
        return node("Clip", x, number(least), number(most));
    }

    @Override
    public String whereAbove(String x, double threshold, String a, String b) {
        return node("Where", node("Greater", x, number(threshold)), a, b);
    }

    @Override
    public String sum(String x, int axis) {
        return node("ReduceSum", new Attributes().with("keepdims", 0), x, graph.ints(axis));
    }

    @Override
    public String mean(String x) {
        return node("ReduceMean", new Attributes().with("keepdims", 1), x, graph.ints(-1));
    }

    @Override
    public String softmax(String x) {
        return node("Softmax", last(), x);
    }

    private static Attributes last() {
        return new Attributes().with("axis", -1);
    }

    @Override
    public String reshape(String x, long... sizes) {
        return node("Reshape", x, graph.ints(sizes));
    }

    @Override
    public String transpose(String x, int... axes) {
        Transposed once = transposed.get(x);
        long[] whole = Arrays.stream(axes)
                .mapToLong(a -> once == null ? a : once.axes()[a])
                .toArray();
        String of = once == null ? x : once.of();
        if (IntStream.range(0, whole.length).allMatch(i -> whole[i] == i)) return of;
        String y = node("Transpose", new Attributes().with("perm", whole), of);
        transposed.put(y, new Transposed(of, whole));
        return y;
    }

    @Override
    public String concat(int axis, List<String> parts) {
        return node("Concat", new Attributes().with("axis", axis), parts.toArray(String[]::new));
    }

    @Override
    public String slice(String x, int axis, long from, long to) {
        return node("Slice", x, graph.ints(from), graph.ints(to), graph.ints(axis));
    }

    @Override
    public String expand(String x, String like, int... axes) {
        String[] sizes = new String[4];
        Arrays.fill(sizes, graph.ints(1));
        for (int axis : axes) {
            Attributes one = new Attributes().with("start", axis).with("end", axis + 1);
            sizes[axis] = node("Shape", one, like);
        }
        return node("Expand", x, graph.node("Concat", new Attributes().with("axis", 0), sizes));
    }

    @Override
    public List<String> topK(String x, int k) {
        return List.of(graph.node("TopK", new Attributes(), new boolean[] {true, true}, use(x), graph.ints(k)));
    }

    @Override
    public String gather(String x, String indices) {
        return node("GatherElements", last(), x, indices);
    }

    @Override
    public String oneHot(String indices, int count) {
        String numbers = graph.ints(LongStream.range(0, count).toArray());
        return graph.cast(node("Equal", node("Unsqueeze", indices, graph.ints(-1)), numbers), Type.FLOAT);
    }

    @Override
    public String asNumbers(String indices) {
        return graph.cast(use(indices), Type.FLOAT);
    }

    @Override
    public String asIndices(String numbers) {
        return graph.cast(use(numbers), Type.INT64);
    }

    @Override
    public Routes<String> routes(String indices, Experts experts) {
        return new NodeRoutes(this, graph, linears, indices, experts, spec.dModel());
    }

    @Override
    public String embedding(String ids) {
        String rows = linears.tiedRows(ids);
        if (rows != null) return rows;
        String tied = linears.tiedEmbedding();
        String x = node("Gather", tied == null ? weights.asInFile(graph, "embed.weight") : tied, ids);
        return tied == null || !linears.isPlain("unembed") ? graph.cast(x, Type.FLOAT) : x;
    }

    @Override
    public String rows(String table, String ids) {
        String last = graph.ints(weights.source().shape(table)[0] - 1);
        String known = graph.cast(node("LessOrEqual", ids, last), Type.INT64);
        return graph.cast(node("Gather", weights.asInFile(graph, table), node("Mul", ids, known)), Type.FLOAT);
    }

    @Override
    public String positions() {
        return node("Gather", weight("pos_embed.weight"), graph.input("positions", Type.INT64, 1, -1));
    }

    @Override
    public String rotate(String x, Rope rope, int width) {
        int dims = rope.rotaryDims();
        boolean partial = dims < width;
        String[] parts = partial ? halves(x, dims, width - dims) : new String[] {x};
        String[] halves = halves(parts[0], dims / 2, dims / 2);
        // x cos + (second half, first half) sin, with sin negative in the first half
        String swapped = node("Concat", last(), halves[1], halves[0]);
        String cos = graph.input(names.cos(rope), Type.FLOAT, -1, 1, dims);
        String sin = graph.input(names.sin(rope), Type.FLOAT, -1, 1, dims);
        String rotated = node("Add", node("Mul", parts[0], cos), node("Mul", swapped, sin));
        return partial ? node("Concat", last(), rotated, parts[1]) : rotated;
    }

    private String[] halves(String x, long first, long second) {
        return graph.node("Split", last(), new boolean[] {true, true}, use(x), graph.ints(first, second));
    }

    @Override
    public String queryScale(QueryScale scale) {
        return graph.input(names.queryScale(scale), Type.FLOAT, -1, 1, 1);
    }

    @Override
    public String masked(String scores, Attention a) {
        String biased = a.alibi() == null ? scores : node("Add", scores, bias(a.alibi()));
        return node("Add", biased, graph.input(names.mask(a.reach()), Type.FLOAT, -1, -1)); // [query, key]
    }

    private final Map<Alibi, String> biases = new HashMap<>();

    /** ALiBi's biases of scores, [1, head, query, key], shared by all layers. */
    final String bias(Alibi alibi) {
        return biases.computeIfAbsent(alibi, a -> {
            int heads = a.slopes().size();
            String keys = graph.input(names.alibiKeys(a), Type.FLOAT, 1, heads, 1, -1);
            return node("Sub", keys, graph.input(names.alibiQueries(a), Type.FLOAT, 1, heads, -1, 1));
        });
    }

    @Override
    public boolean cachesHeads(int i) {
        return shapes.get(i).whole();
    }

    @Override
    public String keys(int i, String k) {
        return kept(keys, i, transpose(allKeys(i, k), 0, 2, 1, 3));
    }

    /** The cached keys and this pass's, [1, key, kv_head, d_head]. */
    String allKeys(int i, String k) {
        return withPast("key", i, shapes.get(i).key(), cache.key(), k);
    }

    @Override
    public String values(int i, String v) {
        return kept(values, i, transpose(allValues(i, v), 0, 2, 1, 3));
    }

    String allValues(int i, String v) {
        return withPast("value", i, shapes.get(i).value(), cache.value(), v);
    }

    private static String kept(Map<Integer, String> all, int layer, String x) {
        all.put(layer, x);
        return x;
    }

    @Override
    public String keysOf(int i) {
        return keys.get(i);
    }

    @Override
    public String valuesOf(int i) {
        return values.get(i);
    }

    private String withPast(String what, int layer, int width, KvFormat format, String now) {
        return switch (format) {
            case FP32 -> joined(what, layer, width, Type.FLOAT, now);
            case FP16 -> graph.toFloat(joined(what, layer, width, Type.FLOAT16, graph.toHalf(use(now))));
            case INT8 -> {
                Attributes keep = new Attributes().with("keepdims", 1);
                String largest = node("ReduceMax", keep, node("Abs", now), graph.ints(-1));
                String scale = node("Max", node("Div", largest, number(127)), number(KvFormat.LEAST_SCALE));
                String codes = graph.cast(node("Round", node("Div", now, scale)), Type.INT8);
                String all = joined(what, layer, width, Type.INT8, codes);
                String scales = joined(what + "_scale", layer, 1, Type.FLOAT, scale);
                yield node("Mul", graph.cast(all, Type.FLOAT), scales);
            }
        };
    }

    /** Concatenates the past input and the new rows, and declares the new rows as an output. */
    private String joined(String what, int layer, int width, Type type, String now) {
        int heads = shapes.get(layer).heads();
        String past = graph.input("past_" + what + "." + layer, type, 1, -1, heads, width);
        graph.output(use(now), type);
        graph.keep("new_" + what + "." + layer, use(now));
        return node("Concat", new Attributes().with("axis", 1), past, now);
    }

    @Override
    public String withState(int i, String x, int past) {
        LayerState state = LayerState.of(spec, spec.layers().get(i));
        String before = graph.input("past_conv." + i, Type.FLOAT, 1, past, state.channels());
        String all = concat(1, List.of(before, x));
        String last = slice(all, 1, -past, END);
        graph.output(last, Type.FLOAT);
        graph.keep("new_conv." + i, last);
        return all;
    }

    @Override
    public String firstPosition() {
        String positions = graph.input("positions", Type.INT64, 1, -1);
        return graph.cast(node("Equal", positions, graph.ints(0)), Type.FLOAT);
    }

    @Override
    public String state(int i) {
        LayerState s = LayerState.of(spec, spec.layers().get(i));
        return graph.input("past_ssm." + i, Type.FLOAT, 1, s.heads(), s.dHead(), s.dState());
    }

    @Override
    public void keepState(int i, String state) {
        graph.output(state, Type.FLOAT);
        graph.keep("new_ssm." + i, state);
    }

    @Override
    public List<String> scan(String before, List<String> over, Step<String> step) {
        return graph.scan(before, used(over), (state, now) -> used(step.at(state, now)));
    }

    @Override
    public String norm(String x, Norm norm, String module, int width) {
        boolean bias = norm.bias() && has(module + ".bias");
        Attributes epsilon = last().with("epsilon", (float) norm.eps());
        String scale = gain(norm, module, width);
        if (norm.kind() == Norm.Kind.LAYER) {
            // An empty last input instead crashes ONNX Runtime 1.29.
            return bias
                    ? node("LayerNormalization", epsilon, x, scale, weight(module + ".bias"))
                    : node("LayerNormalization", epsilon, x, scale);
        }
        String y = node("SimplifiedLayerNormalization", epsilon, x, scale);
        return bias ? node("Add", y, weight(module + ".bias")) : y;
    }

    /** The weight that the operators require: ones, where the norm has none. */
    final String gain(Norm norm, String module, int width) {
        if (norm.weight() && has(module + ".weight")) return weight(module + ".weight");
        return weights.declare(graph, "ones." + width, () -> {
            float[] ones = new float[width];
            Arrays.fill(ones, 1f);
            return Tensor.of(ones, width);
        });
    }
}
