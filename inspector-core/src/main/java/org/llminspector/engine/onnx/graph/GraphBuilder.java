package org.llminspector.engine.onnx.graph;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Builder of an ONNX graph: inputs, weights, constants, nodes and outputs; it names the values. */
public final class GraphBuilder {

    private static final int IR_VERSION = 10;
    private static final int OPSET = 21;
    private static final String MICROSOFT = "com.microsoft";

    /** ONNX Runtime's own operators; all others are standard ONNX. */
    private static final Set<String> OWN = Set.of(
            "FusedMatMul",
            "GroupQueryAttention",
            "MatMulIntegerToFloat",
            "MatMulNBits",
            "QuickGelu",
            "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization");

    private final Proto graph = new Proto().text(2, "decoder");
    private Proto nodesOf = graph; // or the body of a scan or a branch
    private final Map<String, String> constants = new HashMap<>();
    final Map<String, Type> inputs = new LinkedHashMap<>();
    private final Set<String> outputs = new LinkedHashSet<>();
    final Set<String> weights = new LinkedHashSet<>();
    final Map<String, String> kept = new LinkedHashMap<>(); // values by their external names
    final Set<String> operators = new LinkedHashSet<>();
    private final Map<String, String> halves = new HashMap<>(); // FP16 values, by their FP32 counterparts
    private final Map<String, String> unread = new HashMap<>(); // the same, where the FP32 value has not been read yet
    private int values;
    private int nodes;

    /** Declares an input, once per name. A negative size is dynamic. */
    public String input(String name, Type type, long... shape) {
        if (inputs.putIfAbsent(name, type) == null) graph.message(11, valueInfo(name, type, shape));
        return name;
    }

    /** Declares a value as an output, once. */
    public void output(String name, Type type) {
        written(name);
        if (outputs.add(name)) graph.message(12, valueInfo(name, type, null));
    }

    /** Declares a weight, whose bytes the session gets separately from the graph. */
    public String weight(String name, Type type, long... shape) {
        if (weights.add(name)) {
            Proto place = new Proto().text(1, "location").text(2, "given");
            graph.message(5, tensor(name, type, shape).message(13, place).number(14, 1));
        }
        return name;
    }

    /** A float scalar constant. */
    public String scalar(float value) {
        return constant("f" + value, Type.FLOAT, 4, b -> b.putFloat(value));
    }

    /** An integer vector constant. */
    public String ints(long... values) {
        return constant(
                "i" + Arrays.toString(values),
                Type.INT64,
                8 * values.length,
                b -> {
                    for (long v : values) b.putLong(v);
                },
                values.length);
    }

    /** A one-byte scalar constant. */
    public String small(Type type, int value) {
        return constant(type + "" + value, type, 1, b -> b.put((byte) value));
    }

    private String constant(String name, Type type, int bytes, Consumer<ByteBuffer> fill, long... shape) {
        return constants.computeIfAbsent(name, n -> {
            ByteBuffer data = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
            fill.accept(data);
            graph.message(5, tensor(n, type, shape).bytes(9, data.array()));
            return n;
        });
    }

    private static Proto tensor(String name, Type type, long... shape) {
        return new Proto().numbers(1, shape).number(2, type.number).text(8, name);
    }

    /** A node with one output. An empty name is an omitted input. */
    public String node(String operator, Attributes attributes, String... in) {
        return node(operator, attributes, new boolean[] {true}, in)[0];
    }

    public String node(String operator, String... in) {
        return node(operator, new Attributes(), in);
    }

    /** A node with several outputs; unwanted ones have empty names. */
    public String[] node(String operator, Attributes attributes, boolean[] wanted, String... in) {
        String[] names = new String[wanted.length];
        for (int i = 0; i < names.length; i++) names[i] = wanted[i] ? "v" + values++ : "";
        write(operator, attributes, names, in);
        return names;
    }

    private void write(String operator, Attributes attributes, String[] out, String... in) {
        operators.add(operator);
        Proto node = new Proto();
        for (String i : in) node.text(1, written(i));
        for (String o : out) node.text(2, o);
        node.text(3, operator + "_" + nodes++).text(4, operator);
        attributes.messages.forEach(a -> node.message(5, a));
        if (OWN.contains(operator)) node.text(7, MICROSOFT);
        nodesOf.message(1, node);
    }

    /**
     * A loop over the second axis of values, whose body is written by {@code step}: from the state, and the values' slices
     * at one position, to the state after it and values of which all positions are returned together.
     *
     * @return the state after the last position, and those values
     */
    public List<String> scan(String state, List<String> over, BiFunction<String, List<String>, List<String>> step) {
        Proto body = new Proto().text(2, "step");
        Proto outer = nodesOf;
        nodesOf = body;
        List<String> now = over.stream().map(x -> "v" + values++).toList();
        String before = "v" + values++;
        body.message(11, valueInfo(before, Type.FLOAT, null));
        now.forEach(x -> body.message(11, valueInfo(x, Type.FLOAT, null)));
        List<String> out = step.apply(before, now);
        // An output needs a name of its own.
        out.forEach(x -> body.message(12, valueInfo(node("Identity", x), Type.FLOAT, null)));
        nodesOf = outer;
        Attributes loop = new Attributes()
                .with("body", body)
                .with("num_scan_inputs", over.size())
                .with(
                        "scan_input_axes",
                        LongStream.generate(() -> 1).limit(over.size()).toArray())
                .with(
                        "scan_output_axes",
                        LongStream.generate(() -> 1).limit(out.size() - 1L).toArray());
        boolean[] wanted = new boolean[out.size()];
        Arrays.fill(wanted, true);
        String[] in = Stream.concat(Stream.of(state), over.stream()).toArray(String[]::new);
        return List.of(node("Scan", loop, wanted, in));
    }

    /**
     * One of two computations of as many values, by a condition; {@code reads} are what they read of the values before.
     */
    public List<String> either(
            String condition, List<String> reads, Supplier<List<String>> then, Supplier<List<String>> otherwise) {
        reads.forEach(this::written);
        Proto[] bodies = {new Proto().text(2, "then"), new Proto().text(2, "else")};
        Proto outer = nodesOf;
        int size = 0;
        for (Proto body : bodies) {
            nodesOf = body;
            List<String> out = (body == bodies[0] ? then : otherwise).get();
            out.forEach(x -> body.message(12, valueInfo(node("Identity", x), Type.FLOAT, null)));
            size = out.size();
        }
        nodesOf = outer;
        Attributes branches = new Attributes().with("then_branch", bodies[0]).with("else_branch", bodies[1]);
        boolean[] wanted = new boolean[size];
        Arrays.fill(wanted, true);
        return List.of(node("If", branches, wanted, condition));
    }

    /** A float32 value rounded to FP16; for a result of {@link #toFloat}, the original FP16 value. */
    public String toHalf(String x) {
        return halves.computeIfAbsent(x, v -> cast(v, Type.FLOAT16));
    }

    /** An FP16 value in float32. The cast is written when a node first reads it. */
    public String toFloat(String half) {
        String x = "v" + values++;
        halves.put(x, half);
        unread.put(x, half);
        return x;
    }

    public String cast(String x, Type to) {
        return node("Cast", new Attributes().with("to", to.number), x);
    }

    private String written(String x) {
        String half = unread.remove(x);
        if (half != null) write("Cast", new Attributes().with("to", Type.FLOAT.number), new String[] {x}, half);
        return x;
    }

    /** Registers a value under an external name. */
    public void keep(String name, String value) {
        kept.put(name, value);
    }

    /** The serialized model, without weights. */
    public byte[] model() {
        return new Proto()
                .number(1, IR_VERSION)
                .text(2, "llm-inspector")
                .message(7, graph)
                .message(8, new Proto().text(1, "").number(2, OPSET))
                .message(8, new Proto().text(1, MICROSOFT).number(2, 1))
                .toBytes();
    }

    private static Proto valueInfo(String name, Type type, long[] shape) {
        Proto tensor = new Proto().number(1, type.number);
        if (shape != null) {
            Proto dims = new Proto();
            for (int i = 0; i < shape.length; i++) {
                Proto dim = new Proto();
                dims.message(1, shape[i] < 0 ? dim.text(2, name + "_" + i) : dim.number(1, shape[i]));
            }
            tensor.message(2, dims);
        }
        return new Proto().text(1, name).message(2, new Proto().message(1, tensor));
    }
}
