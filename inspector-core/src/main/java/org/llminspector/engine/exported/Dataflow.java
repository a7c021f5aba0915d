package org.llminspector.engine.exported;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.checkpoint.onnx.OnnxFile.Weight;

/**
 * Dataflow analysis of an exported ONNX graph. A value is live when it depends on the tokens' embeddings; weights,
 * masks, positions and sizes are not live. Value names are not used.
 */
final class Dataflow {

    /** Operators that keep the elements' order, except Transpose. */
    private static final Set<String> SHAPING =
            Set.of("Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Dropout");

    private static final Set<String> KEEPING =
            Set.of("Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Dropout");
    private static final Set<String> CASTS = Set.of("Cast", "Identity", "Dropout");
    private static final Set<String> REPEATING = Set.of("Expand", "Tile");
    private static final Set<String> SIZES = Set.of("Shape", "Size");
    private static final Set<String> LOOKUPS = Set.of("Gather", "GatherBlockQuantized");
    private static final Set<String> PRODUCTS =
            Set.of("MatMul", "Gemm", "FusedMatMul", "MatMulNBits", "MatMulBnb4", "MatMulInteger", "QLinearMatMul");

    private final List<Node> nodes;
    private final Map<String, Integer> makers = new HashMap<>();
    private final Map<String, List<Integer>> readers = new HashMap<>();
    private final Set<String> live = new HashSet<>();
    private final Map<String, Weight> weights = new HashMap<>();
    private final String embedding;

    Dataflow(OnnxFile file) {
        nodes = sorted(file.nodes());
        for (int i = 0; i < nodes.size(); i++) {
            for (String v : nodes.get(i).outputs()) if (!v.isEmpty()) makers.putIfAbsent(v, i);
            for (String v : new HashSet<>(nodes.get(i).inputs())) {
                readers.computeIfAbsent(v, k -> new ArrayList<>()).add(i);
            }
        }
        for (Weight w : file.weights()) weights.put(w.name(), w);
        embedding = lookup();
        if (embedding == null) return;
        live.add(embedding);
        for (int i = makers.get(embedding) + 1; i < nodes.size(); i++) {
            Node n = nodes.get(i);
            if (!SIZES.contains(n.op()) && n.inputs().stream().anyMatch(live::contains)) {
                for (String v : n.outputs()) if (!v.isEmpty() && makers.get(v) == i) live.add(v);
            }
        }
    }

    /**
     * Topological order of the nodes, which ONNX requires of files but some tools violate; nodes in cycles are left
     * out.
     */
    private static List<Node> sorted(List<Node> nodes) {
        Map<String, Integer> makers = new HashMap<>();
        for (int i = 0; i < nodes.size(); i++) {
            for (String v : nodes.get(i).outputs()) if (!v.isEmpty()) makers.putIfAbsent(v, i);
        }
        Map<Integer, List<Integer>> after = new HashMap<>();
        int[] missing = new int[nodes.size()];
        PriorityQueue<Integer> ready = new PriorityQueue<>();
        for (int i = 0; i < missing.length; i++) {
            for (String v : new HashSet<>(nodes.get(i).inputs())) {
                Integer maker = makers.get(v);
                if (maker == null) continue;
                after.computeIfAbsent(maker, k -> new ArrayList<>()).add(i);
                missing[i]++;
            }
            if (missing[i] == 0) ready.add(i);
        }
        List<Node> sorted = new ArrayList<>();
        while (!ready.isEmpty()) {
            int next = ready.poll();
            sorted.add(nodes.get(next));
            for (int i : after.getOrDefault(next, List.of())) if (--missing[i] == 0) ready.add(i);
        }
        return sorted;
    }

    /** Output of the first table lookup by token ids; null when there is none. */
    private String lookup() {
        for (String ids : forms(ExportedSignature.IDS, SHAPING)) {
            for (Node n : readers(ids)) {
                if (!LOOKUPS.contains(n.op()) || !at(n.inputs(), 1).equals(ids)) continue;
                String row = at(n.outputs(), 0);
                List<Node> next = readers(row);
                boolean coded = next.size() == 1 && next.get(0).op().equals("DequantizeLinear");
                return coded ? at(next.get(0).outputs(), 0) : row;
            }
        }
        return null;
    }

    String embedding() {
        return embedding;
    }

    /** The i-th name, or "" where the node has no such value. */
    static String at(List<String> values, int i) {
        return i < values.size() ? values.get(i) : "";
    }

    Node maker(String value) {
        Integer i = makers.get(value);
        return i == null ? null : nodes.get(i);
    }

    List<Node> readers(String value) {
        return readers.getOrDefault(value, List.of()).stream().map(nodes::get).toList();
    }

    /** Topological index of a value's node; -1 for graph inputs and weights. */
    int order(String value) {
        return makers.getOrDefault(value, -1);
    }

    boolean isLive(String value) {
        return live.contains(value);
    }

    /** The distinct live inputs of a node. */
    List<String> made(Node node) {
        return node.inputs().stream().filter(live::contains).distinct().toList();
    }

    /** The single live input of a node whose other inputs are weights or constants; null for other nodes. */
    String onlyLiveInput(Node node) {
        List<String> made = node == null ? List.of() : made(node);
        return made.size() == 1 ? made.get(0) : null;
    }

    /** The two live inputs of a node that combines them; null for other nodes. */
    List<String> bothLiveInputs(Node node) {
        List<String> made = node == null ? List.of() : made(node);
        return made.size() == 2 && node.inputs().size() == 2 ? made : null;
    }

    /**
     * The nearest value that every live path to this value passes (its immediate dominator); null when there is none.
     */
    String source(String value) {
        if (!live.contains(value) || value.equals(embedding)) return null;
        TreeMap<Integer, Set<String>> front = new TreeMap<>();
        Node next = maker(value);
        while (true) {
            for (String v : made(next)) {
                front.computeIfAbsent(order(v), k -> new HashSet<>()).add(v);
            }
            if (front.isEmpty()) return null;
            Set<String> last = front.lastEntry().getValue();
            if (front.size() == 1 && last.size() == 1) return last.iterator().next();
            next = nodes.get(front.pollLastEntry().getKey());
        }
    }

    /** Whether `to` depends on `from`. */
    boolean reaches(String from, String to) {
        return ancestors(to, order(from)).contains(from);
    }

    /** All live values that a value depends on, itself included, from order {@code since} on. */
    Set<String> ancestors(String value, int since) {
        Set<String> all = new HashSet<>(Set.of(value));
        Deque<String> open = new ArrayDeque<>(all);
        while (!open.isEmpty()) {
            Node n = maker(open.pop());
            if (n == null) continue;
            for (String v : made(n)) if (order(v) >= since && all.add(v)) open.push(v);
        }
        return all;
    }

    /** The value and all its casts and reshapes that keep the elements' order. */
    Collection<String> forms(String value) {
        return forms(value, KEEPING);
    }

    private Set<String> forms(String value, Set<String> ops) {
        Set<String> all = new LinkedHashSet<>(Set.of(value));
        Deque<String> open = new ArrayDeque<>(all);
        while (!open.isEmpty()) {
            String from = open.pop();
            for (Node n : readers(from)) {
                if (!ops.contains(n.op()) || !at(n.inputs(), 0).equals(from)) continue;
                if (all.add(at(n.outputs(), 0))) open.add(at(n.outputs(), 0));
            }
        }
        return all;
    }

    static boolean shapes(Node node) {
        return node != null && SHAPING.contains(node.op());
    }

    /** The value before its casts. */
    String uncast(String value) {
        return before(value, CASTS);
    }

    /** The value before its reshapes and transposes. */
    String unshaped(String value) {
        return before(value, SHAPING);
    }

    private String before(String value, Set<String> ops) {
        String v = value;
        for (Node n = maker(v); n != null && ops.contains(n.op()); n = maker(v)) {
            v = at(n.inputs(), 0);
        }
        return v;
    }

    /** Whether a value is a scalar, or computed from scalars and sizes only. */
    boolean isNumber(String value) {
        if (live.contains(value)) return false;
        Set<String> seen = new HashSet<>(Set.of(value));
        Deque<String> open = new ArrayDeque<>(seen);
        while (!open.isEmpty()) {
            String v = open.pop();
            Weight w = weights.get(v);
            if (w != null && w.shape().stream().anyMatch(size -> size > 1)) return false;
            Node n = maker(v);
            if (n == null || SIZES.contains(n.op())) continue;
            for (String in : n.inputs()) if (seen.add(in)) open.push(in);
        }
        return true;
    }

    /** The value before scalar factors and reshapes, back to a Transpose at most. */
    String unscaled(String value) {
        String v = value;
        while (true) {
            Node n = maker(v);
            if (n == null) return v;
            String in = shapes(n) ? at(n.inputs(), 0) : scaled(n);
            if (n.op().equals("Transpose") || in == null) return v;
            v = in;
        }
    }

    /** The input that a node multiplies or divides by a scalar; null for other nodes. */
    String scaled(Node n) {
        if (!n.op().equals("Mul") && !n.op().equals("Div")) return null;
        String in = onlyLiveInput(n);
        if (in == null || n.inputs().size() != 2) return null;
        int at = n.inputs().indexOf(in);
        boolean divides = n.op().equals("Div") && at == 1;
        return !divides && isNumber(n.inputs().get(1 - at)) ? in : null;
    }

    /** The only matching node that a value reaches through reshapes, repetitions and scalar factors; or null. */
    Node onlyReachable(String value, Predicate<Node> such) {
        Set<String> seen = new HashSet<>(Set.of(value));
        Deque<String> open = new ArrayDeque<>(seen);
        Set<Node> found = new LinkedHashSet<>();
        while (!open.isEmpty()) {
            String v = open.pop();
            for (Node n : readers(v)) {
                boolean keeps = REPEATING.contains(n.op()) || shapes(n);
                if (such.test(n)) found.add(n);
                else if (keeps ? at(n.inputs(), 0).equals(v) : scaled(n) != null) {
                    if (seen.add(at(n.outputs(), 0))) open.push(at(n.outputs(), 0));
                }
            }
        }
        return found.size() == 1 ? found.iterator().next() : null;
    }

    /**
     * The product with a weight behind a value, ignoring bias, scales, reshapes, splits and slices; null when there is
     * none.
     */
    Node product(String value) {
        String v = value;
        while (true) {
            Node n = maker(v);
            if (n == null) return null;
            if (isProduct(n)) return n;
            String in = shapes(n) || n.op().equals("Split") || n.op().equals("Slice") ? at(n.inputs(), 0) : null;
            if (n.op().equals("Add")) in = onlyLiveInput(n);
            if (n.op().equals("Mul")) in = dequantized(n);
            if (in == null || !live.contains(in)) return null;
            v = in;
        }
    }

    /** Whether a bias was added to the product behind a value. */
    boolean isBiased(String value) {
        String v = value;
        for (Node n = maker(v); n != null && !isProduct(n); n = maker(v)) {
            if (n.op().equals("Add") && onlyLiveInput(n) != null) return true;
            String in = onlyLiveInput(n);
            if (in == null) return false;
            v = in;
        }
        Node product = maker(v);
        return product != null
                && product.op().equals("Gemm")
                && product.inputs().size() > 2;
    }

    /** Input width of a product; -1 where the graph does not have it. */
    int width(Node product) {
        if (product.op().equals("MatMulNBits")) {
            return (int) Math.min(Integer.MAX_VALUE, product.numbers().getOrDefault("K", -1L));
        }
        Weight w = weights.get(at(product.inputs(), 1));
        if (w == null || w.shape().size() != 2) return -1;
        boolean transposed = product.numbers().getOrDefault("transB", 0L) == 1;
        return (int) Math.min(Integer.MAX_VALUE, w.shape().get(transposed ? 1 : 0));
    }

    private boolean isProduct(Node n) {
        return PRODUCTS.contains(n.op()) && live.contains(at(n.inputs(), 0)) && !live.contains(at(n.inputs(), 1));
    }

    /** The integer product that a node multiplies by scales; null for other nodes. */
    private String dequantized(Node mul) {
        for (String v : mul.inputs()) {
            Node n = maker(uncast(v));
            if (n != null && n.op().equals("MatMulInteger")) return v;
        }
        return null;
    }

    /** A product's input before reshapes and quantization. */
    String input(Node product) {
        String v = unshaped(at(product.inputs(), 0));
        Node n = maker(v);
        return n != null && n.op().endsWith("QuantizeLinear") && !n.op().startsWith("De")
                ? unshaped(at(n.inputs(), 0))
                : v;
    }
}
