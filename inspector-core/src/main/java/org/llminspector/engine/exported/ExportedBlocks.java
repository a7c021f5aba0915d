package org.llminspector.engine.exported;

import static org.llminspector.hook.HookPoint.*;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.llminspector.checkpoint.onnx.OnnxFile;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;
import org.llminspector.engine.exported.ExportedStream.Block;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** Hooks found in an exported graph: its residual stream and the inside of its blocks. */
final class ExportedBlocks {

    private final Dataflow flow;
    private final List<ExportedAttention> attentions; // null where not found
    private final Map<HookId, Place> places = new TreeMap<>();
    private final Map<HookId, ExportedNorm> norms = new HashMap<>(); // by scale hook, capturable or not
    private int walked; // layers whose position in the stream is known

    ExportedBlocks(OnnxFile file, int layers) {
        flow = new Dataflow(file);
        attentions = new ArrayList<>();
        for (int i = 0; i < layers; i++) attentions.add(ExportedAttention.of(flow, i));
        put(LOGITS, -1, Place.asIs(ExportedSignature.LOGITS));
        if (flow.embedding() == null) return;
        for (int i = 0; i < layers; i++) if (attentions.get(i) != null) attention(i, attentions.get(i));
        ExportedStream stream = new ExportedStream(flow, attentions);
        put(EMBED, -1, stream.embedding());
        put(POS_EMBED, -1, stream.positions());
        for (int i = 0; i < stream.blocks().size(); i++)
            block(i, stream.blocks().get(i));
        end();
    }

    /** Places of the found hooks; cached keys and values are graph outputs and not listed. */
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

    /** Number of leading layers whose position in the stream was found. */
    int walked() {
        return walked;
    }

    /** Whether there is a norm with this scale hook, whether or not the scale can be captured. */
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

    private void block(int i, Block block) {
        put(RESID_PRE, i, block.before());
        added(ATTN_OUT, LN1_POST_OUT, i, block.attention());
        if (!block.before().equals(block.between())) put(RESID_MID, i, block.between());
        added(MLP_OUT, LN2_POST_OUT, i, block.mlp());
        if (block.after() == null) return;
        ExportedMlp mlp = ExportedMlp.of(flow, block.mlp().value(), flow.order(block.between()));
        put(MLP_PRE, i, mlp.pre());
        put(MLP_PRE_LINEAR, i, mlp.linear());
        put(MLP_POST, i, mlp.post());
        norm(LN2_SCALE, LN2_NORMALIZED, i, mlp.normed());
        put(RESID_POST, i, block.after());
        walked = i + 1;
    }

    private void added(HookPoint out, HookPoint normed, int i, ExportedStream.Added added) {
        if (added == null) return;
        if (added.alone()) put(out, i, added.value());
        if (ExportedNorm.of(flow, added.value()) != null) put(normed, i, added.value());
    }

    /** Finds the unembedding's input, from the logits backwards. */
    private void end() {
        for (String v = ExportedSignature.LOGITS; v != null; v = flow.source(v)) {
            Node n = flow.product(v);
            if (n == null) continue;
            put(LN_FINAL_OUT, -1, flow.input(n));
            norm(LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1, flow.input(n));
            return;
        }
    }
}
