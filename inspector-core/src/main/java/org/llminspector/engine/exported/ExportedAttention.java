package org.llminspector.engine.exported;

import static org.llminspector.engine.exported.Dataflow.at;

import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.engine.exported.Place.Read;

/**
 * A layer's attention in an exported graph, found from the layer's past keys and values: they are concatenated with
 * this pass's, multiplied with the queries, and a softmax weights the values.
 *
 * @param fused the fused attention operator, or null
 * @param rotates whether queries and keys are rotated (RoPE)
 * @param q queries before rotation, likewise k; these and all below are null where not found
 * @param rotQ queries after rotation
 * @param z pattern . v of each head
 * @param read name of z's value
 * @param normed input of the queries' projection
 */
record ExportedAttention(
        String fused,
        boolean rotates,
        Place q,
        Place k,
        Place rotQ,
        Place scores,
        Place pattern,
        Place z,
        String read,
        String normed) {

    static final Set<String> FUSED =
            Set.of("GroupQueryAttention", "MultiHeadAttention", "Attention", "DecoderMaskedMultiHeadAttention");

    private static final Set<String> PRODUCTS = Set.of("MatMul", "FusedMatMul");
    private static final List<Long> SWAP = List.of(0L, 2L, 1L, 3L);

    /** The attention of a layer; null when none of a known form is found. */
    static ExportedAttention of(Dataflow flow, int layer) {
        Node keys = joinWithPast(flow, ExportedSignature.past(layer + ".key"));
        Node values = joinWithPast(flow, ExportedSignature.past(layer + ".value"));
        if (keys == null || values == null) return null;
        if (FUSED.contains(keys.op())) return keys.equals(values) ? fused(flow, keys, null) : null;
        String key = flow.onlyLiveInput(keys);
        if (key == null || flow.onlyLiveInput(values) == null) return null;
        Node scores = flow.onlyReachable(at(keys.outputs(), 0), ExportedAttention::reads);
        Node reads = flow.onlyReachable(at(values.outputs(), 0), ExportedAttention::reads);
        if (scores == null || reads == null) return null;
        if (FUSED.contains(scores.op())) return scores.equals(reads) ? fused(flow, scores, key) : null;
        return plain(flow, key, at(keys.outputs(), 0), scores, at(values.outputs(), 0), reads);
    }

    /** The node that joins past keys or values with this pass's. */
    private static Node joinWithPast(Dataflow flow, String past) {
        Node found = null;
        for (String v : flow.forms(past)) {
            for (Node n : flow.readers(v)) {
                if (!n.op().equals("Concat") && !FUSED.contains(n.op())) continue;
                if (flow.made(n).isEmpty()) continue;
                if (found != null) return null;
                found = n;
            }
        }
        return found;
    }

    private static ExportedAttention plain(
            Dataflow flow, String key, String keys, Node scores, String values, Node reads) {
        String query = other(flow, scores, keys);
        String weights = other(flow, reads, values);
        Node softmax = weights == null ? null : softmax(flow, weights);
        if (query == null || softmax == null) return null;
        String scored = at(softmax.inputs(), 0);
        if (!passes(flow, scored, at(scores.outputs(), 0))) return null;
        String z = at(reads.outputs(), 0);
        return found(
                flow,
                null,
                false,
                Side.of(flow, flow.unscaled(query), true),
                Side.of(flow, key, true),
                new Place(scored, Read.MASKED),
                Place.asIs(at(softmax.outputs(), 0)),
                new Place(z, Read.BY_HEAD),
                z);
    }

    /** @param key this pass's keys where a Concat joins them before the operator, else null */
    private static ExportedAttention fused(Dataflow flow, Node n, String key) {
        String z = at(n.outputs(), 0);
        boolean byHead = flow.readers(z).stream().anyMatch(ExportedAttention::swaps);
        boolean inside = n.numbers().getOrDefault("do_rotary", 0L) == 1;
        String query = at(n.inputs(), 0);
        if (!flow.isLive(query)) return null;
        boolean packed = at(n.inputs(), 1).isEmpty(); // queries, keys and values concatenated
        boolean split = packed || flow.isLive(at(n.inputs(), 1));
        String k = key != null ? key : at(n.inputs(), 1);
        Side q = split && !packed ? Side.of(flow, query, byHead) : Side.NONE;
        Side keySide = split && !packed ? Side.of(flow, k, key != null) : Side.NONE;
        ExportedAttention found = found(
                flow, n.op(), inside, q, keySide, null, null, new Place(z, byHead ? Read.BY_HEAD : Read.AS_IS), z);
        if (!packed || !n.op().equals("GroupQueryAttention")) return found;
        int heads = Math.toIntExact(n.numbers().getOrDefault("num_heads", 0L));
        return found.packed(flow, query, heads);
    }

    private ExportedAttention packed(Dataflow flow, String qkv, int heads) {
        if (heads <= 0) return this;
        Place all = new Place(qkv, Read.HEADS);
        return new ExportedAttention(
                fused, rotates, all, new Place(qkv, Read.HEADS, heads), null, null, null, z, read, normed(flow, qkv));
    }

    private static ExportedAttention found(
            Dataflow flow,
            String fused,
            boolean inside,
            Side q,
            Side k,
            Place scores,
            Place pattern,
            Place z,
            String read) {
        boolean rotates = inside || (q.rotated() != null && k.rotated() != null);
        boolean agree = rotates == (inside || q.rotated() != null) && (!inside || q.rotated() == null);
        return new ExportedAttention(
                fused,
                rotates,
                agree ? q.before() : null,
                agree ? k.before() : null,
                agree ? q.rotated() : null,
                scores,
                pattern,
                z,
                read,
                q.before() == null ? null : normed(flow, q.before().value()));
    }

    /** The input of the projection behind this value. */
    private static String normed(Dataflow flow, String value) {
        for (String v = value; v != null; v = flow.source(v)) {
            Node n = flow.product(v);
            if (n != null) return flow.input(n);
        }
        return null;
    }

    /** The input of a product of two live values that does not depend on `one`. */
    private static String other(Dataflow flow, Node product, String one) {
        List<String> both = flow.bothLiveInputs(product);
        if (both == null) return null;
        boolean first = flow.reaches(one, both.get(0));
        return first == flow.reaches(one, both.get(1)) ? null : both.get(first ? 1 : 0);
    }

    /** The softmax behind the weights, past nodes that replace NaNs. */
    private static Node softmax(Dataflow flow, String weights) {
        for (String v = weights; v != null; v = flow.source(v)) {
            Node n = flow.maker(v);
            if (n.op().equals("Softmax")) return n;
            if (PRODUCTS.contains(n.op())) return null;
        }
        return null;
    }

    private static boolean passes(Dataflow flow, String value, String through) {
        String v = value;
        while (v != null && flow.order(v) > flow.order(through)) v = flow.source(v);
        return through.equals(v);
    }

    /** Whether the node can be attention's product with keys or values. */
    private static boolean reads(Node n) {
        return PRODUCTS.contains(n.op()) || FUSED.contains(n.op());
    }

    private static boolean swaps(Node n) {
        return n.op().equals("Transpose") && SWAP.equals(n.lists().get("perm"));
    }

    /**
     * Queries or keys before and after rotation.
     *
     * @param before rotation, or as they are without one
     * @param turned after rotation; null without one
     */
    private record Side(Place before, Place rotated) {

        static final Side NONE = new Side(null, null);

        static Side of(Dataflow flow, String value, boolean byHead) {
            Straight end = Straight.of(flow, value, byHead);
            if (end == null) return NONE;
            Node n = flow.maker(end.value());
            boolean turns = n != null
                    && (n.op().equals("RotaryEmbedding")
                            || n.op().equals("Concat")
                            || ((n.op().equals("Add") || n.op().equals("Sub")) && flow.bothLiveInputs(n) != null));
            if (!turns) return new Side(end.place(), null);
            String source = flow.source(end.value());
            Straight start = source == null ? null : Straight.of(flow, source, end.byHead());
            return start == null ? NONE : new Side(start.place(), end.place());
        }
    }

    /** A value before reshapes and head transposes, and whether its layout has heads before positions. */
    private record Straight(String value, boolean byHead) {

        static Straight of(Dataflow flow, String value, boolean byHead) {
            String v = value;
            boolean heads = byHead;
            while (true) {
                v = flow.unscaled(v);
                Node n = flow.maker(v);
                if (n == null || !n.op().equals("Transpose")) return new Straight(v, heads);
                if (!swaps(n)) return null;
                heads = !heads;
                v = at(n.inputs(), 0);
            }
        }

        Place place() {
            return new Place(value, byHead ? Read.BY_HEAD : Read.AS_IS);
        }
    }
}
