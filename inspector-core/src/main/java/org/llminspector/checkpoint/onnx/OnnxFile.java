package org.llminspector.checkpoint.onnx;

import com.google.protobuf.CodedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * An ONNX model file, parsed as a graph of named values; weights stay mapped.
 *
 * <p>Field numbers are onnx.proto's. Unused fields are not parsed, and kept unchanged.
 */
public final class OnnxFile {

    /** Deepest nesting of branches. */
    private static final int MAX_DEPTH = 16;

    /**
     * Most operations, weights, inputs and outputs of a graph in total; the largest known (128 layers, not fused) have
     * about 60,000.
     */
    private static final int MAX_PARTS = 500_000;

    /**
     * An input or output of the graph.
     *
     * @param type onnx.proto's TensorProto.DataType: 1 float, 7 int64, 9 bool, 10 float16; 0 when absent
     * @param shape sizes, -1 for dynamic ones; null when absent
     */
    public record Value(String name, int type, List<Long> shape) {}

    /**
     * An operation.
     *
     * @param numbers its integer attributes
     * @param lists its integer list attributes
     */
    public record Node(
            String name,
            String op,
            List<String> inputs,
            List<String> outputs,
            Map<String, Long> numbers,
            Map<String, List<Long>> lists) {}

    /**
     * An initializer.
     *
     * @param location the external file with its bytes, or null for this file
     * @param offset of its first byte in that file; -1 when it is not stored as raw bytes
     * @param bytes number of bytes; -1 for the rest of the file
     */
    public record Weight(String name, int type, List<Long> shape, String location, long offset, long bytes) {}

    private final Path path;
    private final FileBytes file;
    private final ByteBuffer bytes;
    private int graphTag;
    private int graphStart;
    private int graphEnd = -1;
    private final List<Node> nodes = new ArrayList<>();
    private final List<Value> inputs = new ArrayList<>();
    private final List<Value> outputs = new ArrayList<>();
    private final List<Weight> weights = new ArrayList<>();
    /** Short constant integer lists, which may be shapes. */
    private final Map<String, List<Long>> constants = new HashMap<>();

    private OnnxFile(Path path, FileBytes file, ByteBuffer bytes) {
        this.path = path;
        this.file = file;
        this.bytes = bytes;
    }

    /** Maps the file and parses its graph; any error is a Problem. */
    public static OnnxFile open(Path path) {
        OnnxFile file = Reads.uninterrupted(path, () -> {
            try (FileChannel channel = Reads.channel(path)) {
                if (channel.size() > Integer.MAX_VALUE) {
                    throw Problem.tooLarge("an ONNX file is one protobuf message, which cannot be this long")
                            .where(path)
                            .expected("less than 2 GiB, the weights beside it")
                            .found(channel.size() + " bytes");
                }
                FileBytes all = FileBytes.open(path, channel);
                return new OnnxFile(
                        path, all, all.at(channel, 0, channel.size()).whole());
            }
        });
        file.readModel(new ProtoReader(path, file.bytes, 0, file.bytes.capacity()));
        return file;
    }

    /** The file's bytes; the caller closes them. */
    public FileBytes bytes() {
        return file;
    }

    private void readModel(ProtoReader model) {
        while (model.next()) {
            if (model.field() == 25) function(model.message());
            if (model.field() != 7) continue;
            if (graphEnd >= 0) throw wrong("the file holds two graphs", "one");
            graphTag = model.tagAt();
            graphStart = model.start();
            graphEnd = model.end();
            readGraph(model.message());
        }
        if (graphEnd < 0) throw wrong("the file holds no graph", "a ModelProto with a graph");
        Set<String> names = new HashSet<>();
        for (Weight w : weights) {
            if (!names.add(w.name())) throw wrong("two weights have the name " + Names.shown(w.name()), "one");
        }
        inputs.removeIf(i -> names.contains(i.name())); // old files also list weights as inputs
        GraphCheck.check(this);
    }

    /** Checks the nodes of a function's body. */
    private void function(ProtoReader function) {
        while (function.next()) if (function.field() == 7) node(function.message(), 1);
    }

    private Problem wrong(String what, String expected) {
        return Problem.invalid(what).where(path).expected(expected).instead("download it again");
    }

    private void readGraph(ProtoReader graph) {
        while (graph.next()) {
            if (nodes.size() + weights.size() + inputs.size() + outputs.size() > MAX_PARTS) {
                throw Problem.tooLarge("the graph has more parts than this program opens")
                        .where(path)
                        .expected("at most " + MAX_PARTS + " operations, weights, inputs and outputs");
            }
            switch (graph.field()) {
                case 1 -> nodes.add(node(graph.message(), 0));
                case 5 -> weights.add(weight(graph.message(), false));
                case 15 -> throw sparse();
                case 11 -> inputs.add(value(graph.message()));
                case 12 -> outputs.add(value(graph.message()));
                default -> {}
            }
        }
    }

    private Node node(ProtoReader node, int depth) {
        String name = "";
        String op = "";
        List<String> in = new ArrayList<>();
        List<String> out = new ArrayList<>();
        Map<String, Long> numbers = new HashMap<>();
        Map<String, List<Long>> lists = new HashMap<>();
        while (node.next()) {
            switch (node.field()) {
                case 1 -> in.add(node.text());
                case 2 -> out.add(node.text());
                case 3 -> name = node.text();
                case 4 -> op = node.text();
                case 5 -> attribute(node.message(), numbers, lists, depth);
                default -> {}
            }
        }
        GraphCheck.checkOperation(path, name, op);
        if (op.equals("Constant") && !out.isEmpty()) {
            // The attribute's tensor was registered without a name; the node's output is its name.
            List<Long> tensor = constants.remove("");
            if (numbers.containsKey("value_int")) tensor = List.of(numbers.get("value_int"));
            if (lists.containsKey("value_ints")) tensor = lists.get("value_ints");
            if (tensor != null && depth == 0) constants.put(out.get(0), tensor);
        }
        return new Node(name, op, List.copyOf(in), List.copyOf(out), Map.copyOf(numbers), Map.copyOf(lists));
    }

    private Problem sparse() {
        return Problem.unsupported("the graph has sparse weights, which are not read here")
                .where(path);
    }

    /**
     * Reads integer attributes; tensors and branches are only checked for external files, which are not allowed there.
     */
    private void attribute(ProtoReader attribute, Map<String, Long> numbers, Map<String, List<Long>> lists, int depth) {
        String name = "";
        Long number = null;
        List<Long> list = new ArrayList<>();
        while (attribute.next()) {
            switch (attribute.field()) {
                case 1 -> name = attribute.text();
                case 3 -> number = attribute.number();
                case 5, 10 -> inside(weight(attribute.message(), true));
                case 22, 23 -> throw sparse();
                case 6, 11 -> branch(attribute.message(), depth + 1);
                case 8 -> numbers(attribute, list);
                default -> {}
            }
        }
        if (number != null) numbers.put(name, number);
        if (!list.isEmpty()) lists.put(name, List.copyOf(list));
    }

    private void branch(ProtoReader graph, int depth) {
        if (depth > MAX_DEPTH) throw wrong("branches lie within branches", "at most " + MAX_DEPTH + " levels");
        while (graph.next()) {
            if (graph.field() == 1) node(graph.message(), depth);
            if (graph.field() == 5) inside(weight(graph.message(), true));
            if (graph.field() == 15) throw sparse();
        }
    }

    private void inside(Weight w) {
        if (w.location() != null) {
            throw Problem.unsupported("a constant of the graph lies in another file")
                    .where(path + ", " + Names.shown(w.name()))
                    .expected("only the graph's own weights there")
                    .found(Names.shown(w.location()));
        }
    }

    private static Value value(ProtoReader value) {
        String name = "";
        int type = 0;
        List<Long> shape = null;
        while (value.next()) {
            if (value.field() == 1) name = value.text();
            if (value.field() != 2) continue;
            ProtoReader kinds = value.message();
            while (kinds.next()) {
                if (kinds.field() != 1) continue; // a tensor
                ProtoReader tensor = kinds.message();
                while (tensor.next()) {
                    if (tensor.field() == 1) type = (int) tensor.number();
                    if (tensor.field() == 2) shape = shape(tensor.message());
                }
            }
        }
        return new Value(name, type, shape);
    }

    private static List<Long> shape(ProtoReader shape) {
        List<Long> sizes = new ArrayList<>();
        while (shape.next()) {
            if (shape.field() != 1) continue;
            long size = -1;
            ProtoReader dim = shape.message();
            while (dim.next()) if (dim.field() == 1) size = dim.number();
            sizes.add(size);
        }
        return List.copyOf(sizes);
    }

    /**
     * @param inside whether external data is forbidden: then any reference to a file counts, even without the
     *     data_location field, since protobuf merges repeated parts of a message
     */
    private Weight weight(ProtoReader tensor, boolean inside) {
        List<Long> ints = new ArrayList<>();
        String name = "";
        int type = 0;
        List<Long> shape = new ArrayList<>();
        long offset = -1;
        long length = -1;
        Map<String, String> external = new HashMap<>();
        boolean elsewhere = false;
        while (tensor.next()) {
            switch (tensor.field()) {
                case 1 -> numbers(tensor, shape);
                case 2 -> type = (int) tensor.number();
                case 5, 7 -> {
                    boolean few = !tensor.packed() || tensor.end() - tensor.start() <= 10 * GraphCheck.MAX_RANK;
                    if (few && ints.size() <= GraphCheck.MAX_RANK) numbers(tensor, ints);
                }
                case 8 -> name = tensor.text();
                case 9 -> {
                    offset = tensor.start();
                    length = tensor.end() - offset;
                }
                case 13 -> {
                    String key = "";
                    String value = "";
                    ProtoReader entry = tensor.message();
                    while (entry.next()) {
                        if (entry.field() == 1) key = entry.text();
                        if (entry.field() == 2) value = entry.text();
                    }
                    external.put(key, value);
                }
                case 14 -> elsewhere = tensor.number() == 1;
                default -> {}
            }
        }
        if (!elsewhere && !(inside && !external.isEmpty())) {
            List<Long> values = offset >= 0 ? small(type, offset, length) : ints;
            if (!values.isEmpty() && values.size() <= GraphCheck.MAX_RANK) constants.put(inside ? "" : name, values);
            return new Weight(name, type, List.copyOf(shape), null, offset, length);
        }
        return new Weight(
                name,
                type,
                List.copyOf(shape),
                external.getOrDefault("location", ""),
                number(external.getOrDefault("offset", "0")),
                number(external.getOrDefault("length", "-1")));
    }

    /** A short raw tensor of int32 or int64; empty for others. */
    private List<Long> small(int type, long offset, long length) {
        int size = type == 7 ? Long.BYTES : type == 6 ? Integer.BYTES : 0;
        if (size == 0 || length > (long) GraphCheck.MAX_RANK * size) return List.of();
        List<Long> values = new ArrayList<>();
        for (int at = (int) offset; at + size <= offset + length; at += size) {
            values.add(size == Long.BYTES ? bytes.getLong(at) : (long) bytes.getInt(at));
        }
        return values;
    }

    /** Reads a repeated integer field, packed or not. */
    private static void numbers(ProtoReader field, List<Long> to) {
        if (!field.packed()) to.add(field.number());
        else {
            ProtoReader packed = field.message();
            while (!packed.atEnd()) to.add(packed.packedNumber());
        }
    }

    /** Parses an offset or length; -2, which is never valid, for anything else. */
    private static long number(String text) {
        return text.matches("-1|[0-9]{1,18}") ? Long.parseLong(text) : -2;
    }

    public Path path() {
        return path;
    }

    /** Operations of the main graph, without branches. */
    public List<Node> nodes() {
        return nodes;
    }

    /** Inputs that a run must provide. */
    public List<Value> inputs() {
        return inputs;
    }

    public List<Value> outputs() {
        return outputs;
    }

    public List<Weight> weights() {
        return weights;
    }

    /** The value of a short integer constant, or null. */
    List<Long> constant(String value) {
        return constants.get(value);
    }

    /** The file's bytes with additional outputs appended to the graph, otherwise unchanged. */
    public byte[] withOutputs(List<String> values) {
        ByteArrayOutputStream more = new ByteArrayOutputStream();
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        try {
            CodedOutputStream out = CodedOutputStream.newInstance(more);
            for (String v : values) { // each a ValueInfoProto with a name alone
                out.writeTag(12, 2);
                out.writeUInt32NoTag(CodedOutputStream.computeStringSize(1, v));
                out.writeString(1, v);
            }
            out.flush();
            out = CodedOutputStream.newInstance(head);
            out.writeTag(7, 2);
            out.writeUInt32NoTag(graphEnd - graphStart + more.size());
            out.flush();
        } catch (IOException e) {
            throw new IllegalStateException("memory is no file", e);
        }
        long total = (long) bytes.capacity() - (graphStart - graphTag) + head.size() + more.size();
        ByteBuffer all = ByteBuffer.allocate(Math.toIntExact(total));
        all.put(bytes.slice(0, graphTag)).put(head.toByteArray());
        all.put(bytes.slice(graphStart, graphEnd - graphStart)).put(more.toByteArray());
        all.put(bytes.slice(graphEnd, bytes.capacity() - graphEnd));
        return all.array();
    }
}
