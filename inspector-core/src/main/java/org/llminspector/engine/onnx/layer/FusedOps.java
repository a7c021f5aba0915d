package org.llminspector.engine.onnx.layer;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.layer.LatentAttention;
import org.llminspector.engine.layer.Modules;
import org.llminspector.engine.layer.Tap;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Mamba2;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;

/**
 * The operations in ONNX Runtime's fused operators: a sum with the norm that reads it, attention as one
 * GroupQueryAttention where it serves.
 *
 * <p>The operator's cache [1, kv_head, max_pos, d_head] is input and output in the same memory: in FP32 on a CPU, in
 * FP16 on CUDA, where the operator does not support FP32. It rotates whole heads itself; other rotations are written
 * out before it.
 *
 * <p>A sum, a view of heads, a rotation and a part of a joined product are written when a node first reads them: an
 * operator that does the same inside takes what they are made from.
 */
final class FusedOps extends NodeOps {

    /** Index of GroupQueryAttention's input with one sink per head. */
    private static final int HEAD_SINK = 11;

    /** A value that is not written yet. */
    private sealed interface Unwritten {}

    private record Sum(String a, String b) implements Unwritten {}

    private record Heads(String flat, int heads, int width) implements Unwritten {}

    private record Rotated(String x, Rope rope, int width) implements Unwritten {}

    private record Part(Linears.Joined of, int index, List<String> all) implements Unwritten {}

    private final Map<String, Unwritten> unwritten = new HashMap<>();
    private final Map<String, String> written = new HashMap<>();
    private final boolean oneOperator; // attention
    private final boolean halves;
    private final boolean exactGates;
    private int count;

    FusedOps(
            GraphBuilder graph,
            DecoderSpec spec,
            Encodings encodings,
            PrecisionPlan plan,
            Target target,
            List<KvShape> shapes,
            KvFormats cache,
            boolean halves) {
        super(graph, spec, encodings, plan, target, shapes, cache);
        KvFormats own = halves ? KvFormats.FP16 : KvFormats.FP32;
        this.halves = halves;
        this.exactGates = spec.layers().stream().anyMatch(l -> l.recurrence() instanceof Mamba2);
        this.oneOperator = takes(spec, target.cuda()) && (halves || !target.cuda()) && cache.equals(own);
    }

    /** Whether the operator supports the model's heads, reach and score biases: on CUDA it has no ALiBi. */
    static boolean takes(DecoderSpec spec, boolean cuda) {
        return spec.attentions()
                .allMatch(a -> a.dHead() % 8 == 0
                        && a.dValue() == a.dHead()
                        && a.latent() == null
                        && a.chunk() == null
                        && a.keysFrom() == null
                        && !(cuda && a.alibi() != null));
    }

    @Override
    boolean inPlace() {
        return oneOperator;
    }

    private String later(Unwritten value) {
        String name = "later" + count++;
        unwritten.put(name, value);
        return name;
    }

    @Override
    String use(String x) {
        Unwritten value = unwritten.remove(x);
        if (value instanceof Sum s) written.put(x, super.apply(Fn2.ADD, s.a(), s.b()));
        else if (value instanceof Heads h) written.put(x, super.heads(h.flat(), h.heads(), h.width()));
        else if (value instanceof Rotated r) written.put(x, super.rotate(r.x(), r.rope(), r.width()));
        else if (value instanceof Part p) {
            List<String> parts = super.split(p.of());
            for (int i = 0; i < parts.size(); i++) {
                unwritten.remove(p.all().get(i));
                written.put(p.all().get(i), parts.get(i));
            }
        }
        return written.getOrDefault(x, x);
    }

    @Override
    public String apply(Fn2 f, String a, String b) {
        return f == Fn2.ADD ? later(new Sum(a, b)) : super.apply(f, a, b);
    }

    @Override
    List<String> split(Linears.Joined joined) {
        List<String> all = new ArrayList<>();
        IntStream.range(0, joined.widths().length).forEach(i -> all.add(later(new Part(joined, i, all))));
        return all;
    }

    @Override
    public String heads(String x, int heads, int width) {
        return later(new Heads(x, heads, width));
    }

    @Override
    public String flat(String x, int heads, int width) {
        return unwritten.get(x) instanceof Heads h ? h.flat() : super.flat(x, heads, width);
    }

    @Override
    public String rotate(String x, Rope rope, int width) {
        return later(new Rotated(x, rope, width));
    }

    /** One operator, but for Mamba 2: its sigmoid is inexact far below zero, and Nemotron-H's logits follow (8.3e-5 for 3.1e-5). */
    @Override
    public String swish(String x, double beta) {
        if (exactGates) return div(x, add(number(1), apply(Fn.EXP, mul(x, number(-beta)))));
        return node("QuickGelu", new Attributes().with("alpha", (float) beta), x);
    }

    @Override
    public String norm(
            String x,
            Norm norm,
            String module,
            int width,
            HookPoint scale,
            HookPoint normalized,
            int layer,
            Tap<String> tap) {
        return norm(x, norm, module, width);
    }

    /** With the sum that it reads, in one operator. */
    @Override
    public String norm(String x, Norm norm, String module, int width) {
        if (!(unwritten.get(x) instanceof Sum s)) return super.norm(x, norm, module, width);
        unwritten.remove(x);
        boolean bias = norm.bias() && has(module + ".bias");
        boolean rms = norm.kind() == Norm.Kind.RMS;
        Stream<String> in = Stream.of(use(s.a()), use(s.b()), gain(norm, module, width));
        if (bias && !rms) in = Stream.concat(in, Stream.of(weight(module + ".bias")));
        String[] out = graph.node(
                rms ? "SkipSimplifiedLayerNormalization" : "SkipLayerNormalization",
                new Attributes().with("epsilon", (float) norm.eps()),
                new boolean[] {true, false, false, true},
                in.toArray(String[]::new));
        written.put(x, out[3]);
        return bias && rms ? node("Add", out[0], weight(module + ".bias")) : out[0];
    }

    @Override
    public String keys(int i, String k) {
        return oneOperator ? k : super.keys(i, k); // the operator appends them
    }

    @Override
    public String values(int i, String v) {
        return oneOperator ? v : super.values(i, v);
    }

    @Override
    public String attend(int i, Attention a, String q, String k, String v, Tap<String> tap) {
        if (!oneOperator) return super.attend(i, a, q, k, v, tap);
        boolean turns = a.rope() != null
                && a.rope().dims() == a.dHead()
                && a.dHead() % 16 == 0
                && unwritten.get(q) instanceof Rotated
                && unwritten.get(k) instanceof Rotated;
        String[] qkv = {
            flat(turns ? ((Rotated) unwritten.get(q)).x() : q, a.nHeads(), a.dHead()),
            flat(turns ? ((Rotated) unwritten.get(k)).x() : k, a.nKvHeads(), a.dHead()),
            flat(v, a.nKvHeads(), a.dHead())
        };
        if (!halves && unwritten.get(qkv[0]) instanceof Part p && p.all().equals(List.of(qkv))) {
            qkv = new String[] {p.of().value(), "", ""};
        }
        Integer window = a.reach().window();
        Attributes attributes = new Attributes()
                .with("num_heads", a.nHeads())
                .with("kv_num_heads", a.nKvHeads())
                .with("scale", a.scale())
                .with("do_rotary", turns ? 1 : 0)
                .with("local_window_size", window == null ? -1 : window)
                .with("softcap", a.scoreSoftcap() == null ? 0f : a.scoreSoftcap());
        List<String> in = new ArrayList<>();
        for (String x : qkv) in.add(x.isEmpty() ? "" : half(x));
        in.add(past("key", i, a));
        in.add(past("value", i, a));
        in.add(graph.input("last_position", Type.INT32, 1));
        in.add(graph.input("positions_so_far", Type.INT32));
        in.add(turns ? table(names.cosTable(a.rope()), a.rope()) : "");
        in.add(turns ? table(names.sinTable(a.rope()), a.rope()) : "");
        if (a.alibi() != null) in.addAll(List.of("", bias(a.alibi()))); // after position_ids
        if (a.sinks()) {
            while (in.size() < HEAD_SINK) in.add("");
            in.add(half(weight(Modules.sinks(i))));
        }
        String[] out = graph.node(
                "GroupQueryAttention", attributes, new boolean[] {true, true, true}, in.toArray(String[]::new));
        present("key", i, out[1]);
        present("value", i, out[2]);
        return heads(halves ? graph.toFloat(out[0]) : out[0], a.nHeads(), a.dValue());
    }

    private Type type() {
        return halves ? Type.FLOAT16 : Type.FLOAT;
    }

    private String half(String x) {
        return halves ? graph.toHalf(use(x)) : use(x);
    }

    /** cos or sin of every position, [position, dims / 2]. */
    private String table(String name, Rope rope) {
        return graph.input(name, type(), -1, rope.rotaryDims() / 2);
    }

    private String past(String what, int layer, Attention a) {
        return graph.input("past_" + what + "." + layer, type(), 1, a.nKvHeads(), -1, a.dHead());
    }

    private void present(String what, int layer, String value) {
        graph.output(value, type());
        graph.keep("new_" + what + "." + layer, value);
    }

    /** Without expanding the latent vectors to keys and values, where the up-projections are there as floats. */
    @Override
    public String attendLatent(
            int i, Attention a, String module, String q, String shared, String latent, Tap<String> tap) {
        return linears.hasFloats(module + "k") && linears.hasFloats(module + "v")
                ? LatentAttention.absorbed(this, i, a, module, q, shared, latent, tap)
                : super.attendLatent(i, a, module, q, shared, latent, tap);
    }
}
