package org.llminspector.checkpoint.onnx;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.checkpoint.onnx.OnnxFile.Value;
import org.llminspector.checkpoint.onnx.OnnxFile.Weight;

/**
 * Validation of an ONNX graph before ONNX Runtime opens it: each value has one producer, all inputs exist, there are no
 * cycles and no unbounded operations, and constant shapes are not larger than in any model.
 */
final class GraphCheck {

    /** Most axes of a constant shape. */
    static final int MAX_RANK = 64;

    /** Most elements of a constant shape: 1 GiB in FP32. */
    private static final long MAX_ELEMENTS = 1L << 28;

    /** Operations with data-dependent repetition, or on other values than tensors. */
    private static final Set<String> ENDLESS = Set.of("Loop", "Scan", "SequenceMap", "RegexFullMatch", "ImageDecoder");

    /** Index of the input that determines an operation's output shape. */
    private static final Map<String, Integer> SHAPED = Map.of(
            "Reshape",
            1,
            "Expand",
            1,
            "Tile",
            1,
            "ConstantOfShape",
            0,
            "OneHot",
            1,
            "Pad",
            1,
            "Resize",
            3,
            "Upsample",
            1);

    private final OnnxFile file;

    private GraphCheck(OnnxFile file) {
        this.file = file;
    }

    static void checkOperation(Path path, String name, String op) {
        if (!ENDLESS.contains(op)) return;
        throw Problem.unsupported("the graph has an operation that no exported decoder needs")
                .where(path + ", node " + Names.shown(name))
                .expected("operations whose work is known before a run")
                .found(op);
    }

    static void check(OnnxFile file) {
        GraphCheck check = new GraphCheck(file);
        check.order();
        for (Node n : file.nodes()) check.shapes(n);
    }

    private Problem wrong(String what, String value) {
        return Problem.invalid(what)
                .where(file.path() + ", value " + Names.shown(value))
                .instead("download it again");
    }

    /** Checks producers and inputs, and finds cycles by topological sorting. */
    private void order() {
        Map<String, List<Integer>> readers = new HashMap<>();
        Set<String> made = new HashSet<>();
        List<String> there = new ArrayList<>();
        for (Value v : file.inputs()) there.add(v.name());
        for (Weight w : file.weights()) there.add(w.name());
        for (String value : there) if (!made.add(value)) throw wrong("a value is there twice", value);
        List<Node> nodes = file.nodes();
        int[] waits = new int[nodes.size()];
        for (int i = 0; i < waits.length; i++) {
            for (String out : nodes.get(i).outputs()) {
                if (!out.isEmpty() && !made.add(out)) throw wrong("a value is made twice", out);
            }
        }
        ArrayDeque<Integer> ready = new ArrayDeque<>();
        Set<String> given = new HashSet<>(there);
        for (int i = 0; i < waits.length; i++) {
            for (String in : nodes.get(i).inputs()) {
                if (in.isEmpty() || given.contains(in)) continue;
                if (!made.contains(in)) throw wrong("an operation reads a value that nothing makes", in);
                readers.computeIfAbsent(in, v -> new ArrayList<>()).add(i);
                waits[i]++;
            }
            if (waits[i] == 0) ready.add(i);
        }
        int done = 0;
        while (!ready.isEmpty()) {
            done++;
            for (String out : nodes.get(ready.poll()).outputs()) {
                for (int reader : readers.getOrDefault(out, List.of())) if (--waits[reader] == 0) ready.add(reader);
            }
        }
        if (done < waits.length) {
            int first = 0;
            while (waits[first] == 0) first++;
            throw wrong(
                    "operations wait for one another in a circle",
                    String.join(", ", nodes.get(first).outputs()));
        }
        for (Value v : file.outputs()) {
            if (!made.contains(v.name())) throw wrong("an output is a value that nothing makes", v.name());
        }
    }

    private void shapes(Node n) {
        Integer at = SHAPED.get(n.op());
        if (at != null && at < n.inputs().size())
            shape(n, file.constant(n.inputs().get(at)));
        if (n.op().equals("Range")) n.inputs().forEach(in -> shape(n, file.constant(in)));
        n.lists().forEach((name, list) -> {
            if (name.equals("shape")) shape(n, list);
        });
    }

    private void shape(Node n, List<Long> sizes) {
        if (sizes == null) return;
        double elements = 1;
        for (long size : sizes) elements *= Math.max(1, Math.abs((double) size));
        if (elements <= MAX_ELEMENTS) return;
        throw Problem.tooLarge("the graph makes a value that is larger than any model needs")
                .where(file.path() + ", node " + Names.shown(n.name()))
                .expected("at most " + MAX_ELEMENTS + " elements")
                .found(sizes);
    }
}
