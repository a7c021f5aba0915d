package org.llminspector.engine.onnx.layer;

import static org.llminspector.engine.onnx.layer.AttentionCore.reshape;
import static org.llminspector.hook.HookPoint.*;

import java.util.List;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Latent;

/**
 * Writes latent attention ({@link Latent}) with plain operators. In the fused form, where the up-projections are
 * available as floats, they are absorbed into queries and outputs, so that cached latent vectors are not expanded to
 * keys and values.
 */
public final class LatentGraph {

    private final GraphBuilder graph;
    private final Linears linears;
    private final Norms norms;
    private final Taps taps;
    private final Rotary rotary;
    private final PlainAttention plain;
    private final boolean fused;

    LatentGraph(
            GraphBuilder graph,
            Linears linears,
            Norms norms,
            Taps taps,
            Rotary rotary,
            PlainAttention plain,
            boolean fused) {
        this.graph = graph;
        this.linears = linears;
        this.norms = norms;
        this.taps = taps;
        this.rotary = rotary;
        this.plain = plain;
        this.fused = fused;
    }

    /**
     * Whether every layer has latent attention: the fused form then does not depend on GroupQueryAttention's head
     * sizes.
     */
    public static boolean in(DecoderSpec spec) {
        return spec.attentions().allMatch(a -> a.latent() != null);
    }

    /** [1, pos, d_model] to [1, pos, head, d_value]; the module's name ends with a dot. */
    String write(int i, Attention a, String name, String x) {
        Latent l = a.latent();
        int rotaryDims = a.rope().rotaryDims();
        String first = name + (l.dQuery() == null ? "q" : "q_down");
        List<String> down = linears.write(x, List.of(first, name + "kv_down", name + "k_rope"), false);
        String q = down.get(0);
        if (l.dQuery() != null) {
            q = taps.at(Q_LATENT, i, norms.write(q, l.norm(), name + "q_latent_norm"));
            q = linears.write(q, name + "q");
        }
        q = taps.at(Q, i, reshape(graph, q, 0, 0, a.nHeads(), a.dHead()));
        q = taps.at(ROT_Q, i, rotary.rotate(q, a.rope(), a.dHead()));
        String latent = taps.at(KV_LATENT, i, norms.write(down.get(1), l.norm(), name + "kv_latent_norm"));
        String shared = reshape(graph, down.get(2), 0, 0, 1, rotaryDims);
        if (taps.changes(K, i) || taps.changes(ROT_K, i) || taps.changes(V, i)) {
            return plain.attend(i, a, q, keptKeys(i, a, name, latent, shared), keptValues(i, a, name, latent));
        }
        String rotated = rotary.rotate(shared, a.rope(), rotaryDims);
        captureKeysAndValues(i, a, name, latent, shared, rotated);
        rotated = plain.withPast("key", i, 1, rotaryDims, plain.cache().key(), rotated); // [1, key, 1, turned]
        latent = reshape(graph, latent, 0, 0, 1, l.dLatent());
        latent = plain.withPast("value", i, 1, l.dLatent(), plain.cache().value(), latent); // [1, key, 1, d_latent]
        if (fused && linears.hasFloats(name + "k") && linears.hasFloats(name + "v")) {
            return attendInLatentSpace(i, a, name, q, rotated, latent);
        }
        latent = reshape(graph, latent, 0, 0, l.dLatent());
        return plain.attend(i, a, q, keys(a, rotated, keysOwn(a, name, latent)), values(a, name, latent));
    }

    private String keptKeys(int i, Attention a, String name, String latent, String shared) {
        String k = taps.at(K, i, keys(a, shared, keysOwn(a, name, latent)));
        k = taps.at(ROT_K, i, rotary.rotate(k, a.rope(), a.dHead()));
        return plain.withPast("key", i, a.nHeads(), a.dHead(), plain.cache().key(), k);
    }

    private String keptValues(int i, Attention a, String name, String latent) {
        String v = taps.at(V, i, values(a, name, latent));
        return plain.withPast("value", i, a.nHeads(), a.dValue(), plain.cache().value(), v);
    }

    /** Hooked keys and values of these positions, computed for capture only. */
    private void captureKeysAndValues(int i, Attention a, String name, String latent, String shared, String rotated) {
        if (taps.wants(K, i)) taps.at(K, i, keys(a, shared, keysOwn(a, name, latent)));
        if (taps.wants(ROT_K, i)) taps.at(ROT_K, i, keys(a, rotated, keysOwn(a, name, latent)));
        if (taps.wants(V, i)) taps.at(V, i, values(a, name, latent));
    }

    /** Full keys [1, key, head, d_head]: the shared rotary part, then the head's own part. */
    private String keys(Attention a, String shared, String own) {
        String each = graph.node("Expand", shared, graph.ints(1, 1, a.nHeads(), 1));
        return graph.node("Concat", new Attributes().with("axis", -1), each, own);
    }

    private String keysOwn(Attention a, String name, String latent) {
        long own = (long) a.dHead() - a.rope().rotaryDims();
        return reshape(graph, linears.write(latent, name + "k"), 0, 0, a.nHeads(), own);
    }

    private String values(Attention a, String name, String latent) {
        return reshape(graph, linears.write(latent, name + "v"), 0, 0, a.nHeads(), a.dValue());
    }

    /**
     * @param q [1, pos, head, d_head], rotated
     * @param turned rotated shared keys, [1, key, 1, rotary_dims]
     * @param latent [1, key, 1, d_latent]
     */
    private String attendInLatentSpace(int i, Attention a, String name, String q, String rotated, String latent) {
        int rotaryDims = a.rope().rotaryDims();
        int own = a.dHead() - rotaryDims;
        int width = a.latent().dLatent();
        Attributes last = new Attributes().with("axis", -1);
        String heads = transpose(q, 0, 2, 1, 3); // [1, head, pos, d_head]
        String[] parts = graph.node("Split", last, new boolean[] {true, true}, heads, graph.ints(rotaryDims, own));
        String up = reshape(graph, linears.floats(name + "k"), a.nHeads(), own, width);
        String reads = foldHeads(graph.node("MatMul", parts[1], up), width); // [1, 1, head * pos, d_latent]
        String keys = transpose(latent, 0, 2, 3, 1); // [1, 1, d_latent, key]
        String products = graph.node(
                "Add",
                graph.node("MatMul", reads, keys),
                graph.node("MatMul", foldHeads(parts[0], rotaryDims), transpose(rotated, 0, 2, 3, 1)));
        String pattern = foldHeads(plain.pattern(i, a, products), 0); // [1, 1, head * pos, key]
        String sums = graph.node("MatMul", pattern, transpose(latent, 0, 2, 1, 3)); // [1, 1, head * pos, d_latent]
        sums = reshape(graph, sums, 1, a.nHeads(), -1, width);
        String values = reshape(graph, linears.floats(name + "v"), a.nHeads(), a.dValue(), width);
        return transpose(graph.node("MatMul", sums, transpose(values, 0, 2, 1)), 0, 2, 1, 3);
    }

    /** Folds heads into the position axis; the last axis gets this size, or stays for 0. */
    private String foldHeads(String x, long size) {
        return reshape(graph, x, 1, 1, -1, size);
    }

    private String transpose(String x, long... order) {
        return graph.node("Transpose", new Attributes().with("perm", order), x);
    }
}
