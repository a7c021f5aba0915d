package org.llminspector.engine.onnx;

import static org.llminspector.engine.onnx.Dataflow.at;
import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.IntStream;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * ExportedBlocks walks the residual stream of an exported graph: from the embedding, sum after sum, each of which adds
 * what an attention or an MLP made of the stream before it.
 */
final class ExportedBlocks {

    /**
     * Step is a sum.
     *
     * @param added to the stream
     * @param all whether nothing else was added, such as a bias
     * @param sum the stream then; empty where the graph does not give it
     */
    private record Step(String added, boolean all, String sum) {}

    private final Dataflow flow;
    private final List<ExportedAttention> attentions; // null where not found
    private final Map<HookId, Place> places = new TreeMap<>();
    private final Map<HookId, ExportedNorm> norms = new HashMap<>(); // by the hook of what they divide by, seen or not
    private int walked; // layers whose place in the stream is known

    ExportedBlocks(OnnxFile file, int layers) {
        flow = new Dataflow(file);
        attentions = new ArrayList<>();
        for (int i = 0; i < layers; i++) attentions.add(ExportedAttention.of(flow, i));
        put(LOGITS, -1, Place.asIs(ExportedPorts.LOGITS));
        if (flow.embedding() == null) return;
        for (int i = 0; i < layers; i++) if (attentions.get(i) != null) attention(i, attentions.get(i));
        String stream = start();
        while (stream != null && walked < layers) stream = layer(walked, stream);
        end();
    }

    /** Where the hooks are that were found; keys and values are in the cache, which needs no finding. */
    Map<HookId, Place> places() {
        return places;
    }

    /** A layer's attention; null where it was not found. */
    ExportedAttention attention(int layer) {
        return attentions.get(layer);
    }

    Dataflow flow() {
        return flow;
    }

    /** Layers whose place in the stream was found, from the first on. */
    int walked() {
        return walked;
    }

    /** Whether there is a norm, by the hook of what it divides by, be that seen or not. */
    boolean hasNorm(HookPoint scale, int layer) {
        return norms.containsKey(new HookId(scale, layer));
    }

    /** Whether norms subtract the mean. */
    boolean isCentred() {
        return norms.values().stream().anyMatch(ExportedNorm::centred);
    }

    /** The graph's value of a hook, or null. */
    String value(HookPoint point, int layer) {
        Place place = places.get(new HookId(point, layer));
        return place == null ? null : place.value();
    }

    private void put(HookPoint point, int layer, Place place) {
        if (place != null && !place.value().isEmpty()) places.put(new HookId(point, layer), place);
    }

    private void put(HookPoint point, int layer, String value) {
        put(point, layer, Place.asIs(value));
    }

    private void attention(int i, ExportedAttention a) {
        put(Q, i, a.q());
        put(K, i, a.k());
        put(ROT_Q, i, a.rotQ());
        put(ATTN_SCORES, i, a.scores());
        put(PATTERN, i, a.pattern());
        put(Z, i, a.z());
        norm(LN1_SCALE, LN1_NORMALIZED, i, a.normed());
    }

    private void norm(HookPoint scale, HookPoint normalized, int layer, String normed) {
        ExportedNorm norm = normed == null ? null : ExportedNorm.of(flow, normed);
        if (norm == null) return;
        norms.put(new HookId(scale, layer), norm);
        put(scale, layer, norm.scale());
        put(normalized, layer, norm.normalized());
    }

    /** The stream before the first block: the embedding, scaled, and with its position's vector. */
    private String start() {
        String v = flow.embedding();
        put(EMBED, -1, v);
        while (step(v) == null) {
            List<Node> next = new ArrayList<>();
            for (Node n : flow.readers(v)) if (flow.isLive(at(n.outputs(), 0))) next.add(n);
            if (next.size() != 1) return null;
            Node n = next.get(0);
            String x = flow.only(n);
            if (n.op().equals("Add") && x != null)
                put(POS_EMBED, -1, at(n.inputs(), 1 - n.inputs().indexOf(x)));
            else if (flow.scaled(n) == null && !Dataflow.shapes(n)) return null;
            v = at(n.outputs(), 0);
            if (!n.op().equals("Add")) put(EMBED, -1, v);
        }
        return v;
    }

    /** Walks one block; the stream after it, or null where it goes no further. */
    private String layer(int i, String stream) {
        Step first = step(stream);
        ExportedAttention attention = attentions.get(i);
        if (first == null || attention == null) return null;
        if (!flow.reaches(attention.read(), first.added())) return null;
        put(RESID_PRE, i, stream);
        List<String> parts = flow.both(flow.maker(flow.uncast(first.added())));
        if (parts != null && sum(first.added())) {
            boolean second = flow.reaches(attention.read(), parts.get(1));
            if (second == flow.reaches(attention.read(), parts.get(0))) return null;
            put(ATTN_OUT, i, parts.get(second ? 1 : 0));
            mlp(i, parts.get(second ? 0 : 1), flow.order(stream));
            put(MLP_OUT, i, parts.get(second ? 0 : 1));
            return after(i, first);
        }
        if (first.all()) put(ATTN_OUT, i, first.added());
        if (ExportedNorm.of(flow, first.added()) != null) put(LN1_POST_OUT, i, first.added());
        put(RESID_MID, i, first.sum());
        Step second = step(first.sum());
        if (second == null || readsAttention(second.added(), flow.order(first.sum()))) return null;
        mlp(i, second.added(), flow.order(first.sum()));
        if (second.all()) put(MLP_OUT, i, second.added());
        return after(i, second);
    }

    private boolean sum(String value) {
        return flow.maker(flow.uncast(value)).op().equals("Add");
    }

    private String after(int i, Step last) {
        walked = i + 1;
        put(RESID_POST, i, last.sum());
        return last.sum();
    }

    private boolean readsAttention(String value, int since) {
        Set<String> made = flow.ancestors(value, since);
        return IntStream.range(0, attentions.size())
                .mapToObj(attentions::get)
                .anyMatch(a -> a != null && made.contains(a.read()));
    }

    private void mlp(int i, String added, int since) {
        ExportedMlp mlp = ExportedMlp.of(flow, added, since);
        put(MLP_PRE, i, mlp.pre());
        put(MLP_PRE_LINEAR, i, mlp.linear());
        put(MLP_POST, i, mlp.post());
        if (ExportedNorm.of(flow, added) != null) put(LN2_POST_OUT, i, added);
        norm(LN2_SCALE, LN2_NORMALIZED, i, mlp.normed());
    }

    /** The sum that takes the stream on, in an operator of its own or in one with the norm after it. */
    private Step step(String stream) {
        if (stream.isEmpty()) return null;
        Step found = null;
        int order = Integer.MAX_VALUE;
        for (String x : flow.forms(stream)) {
            for (Node n : flow.readers(x)) {
                boolean skips = n.op().startsWith("Skip");
                if (!skips && !n.op().equals("Add")) continue;
                int at = n.inputs().indexOf(x);
                String added = at > 1 ? "" : at(n.inputs(), 1 - at);
                if (!flow.isLive(added) || flow.forms(stream).contains(added)) continue;
                if (flow.order(at(n.outputs(), 0)) > order) continue;
                order = flow.order(at(n.outputs(), 0));
                boolean all = !skips
                        || at(n.inputs(), n.op().contains("Simplified") ? 3 : 4).isEmpty();
                found = new Step(added, all, at(n.outputs(), skips ? 3 : 0));
            }
        }
        return found;
    }

    /** From the logits back to what the unembedding reads. */
    private void end() {
        for (String v = ExportedPorts.LOGITS; v != null; v = flow.source(v)) {
            Node n = flow.product(v);
            if (n == null) continue;
            put(LN_FINAL_OUT, -1, flow.input(n));
            norm(LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1, flow.input(n));
            return;
        }
    }
}
