package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.onnx.GraphBuilder.Type;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * KvCache keeps the rotated keys and the values of every position, in memory set aside once and never copied; where they
 * are captured, that is the capture's.
 *
 * <p>In place: [1, kv_head, max_pos, d_head], input and output of every pass at once. Else [max_pos, kv_head, d_head], of
 * which a pass reads the first rows and writes the next. On a GPU both cross to the device and back: the Java binding has
 * no tensors that stay there.
 */
final class KvCache implements AutoCloseable {

    private final DecoderSpec spec;
    private final int maxPositions;
    private final boolean inPlace;
    private final Type type;
    private final Map<String, ByteBuffer> memory = new LinkedHashMap<>(); // by "key.0", "value.0" ...
    private final Map<String, OnnxTensor> whole = new HashMap<>();
    private final Map<String, OnnxValue> pinned = new HashMap<>(); // by the graph's outputs
    private int length;

    /** @param given memory of some outputs, by {@link Graph#cache}'s names; the others' is made here */
    KvCache(DecoderSpec spec, int maxPositions, Graph graph, Map<String, ByteBuffer> given) {
        this.spec = spec;
        this.maxPositions = maxPositions;
        this.inPlace = graph.inPlace();
        this.type = graph.inputs().get("past_key.0");
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            for (String what : new String[] {"key.", "value."}) {
                ByteBuffer bytes = given.get("new_" + what + i);
                if (bytes == null) bytes = Feed.memory(maxPositions * row(a), type.bytes());
                memory.put(what + i, bytes);
                if (inPlace) {
                    whole.put(what + i, Feed.tensor(bytes, type, 1, a.nKvHeads(), maxPositions, a.dHead()));
                }
            }
        }
    }

    /** Positions held. */
    int length() {
        return length;
    }

    /**
     * Gives a pass over {@code count} more positions its inputs and the places of its outputs.
     *
     * @param outputs the graph's names for new keys and values
     */
    Map<String, OnnxValue> bind(Feed feed, int count, Map<String, String> outputs) {
        if (inPlace && !pinned.isEmpty()) return pinned; // as in the pass before
        memory.forEach((name, bytes) -> {
            OnnxTensor past = whole.get(name);
            OnnxTensor now = past;
            if (!inPlace) {
                Attention a = spec.layers()
                        .get(Integer.parseInt(name.substring(name.indexOf('.') + 1)))
                        .attention();
                past = feed.own("past_" + name, rows(bytes, a, 0, length));
                now = feed.own("new_" + name, rows(bytes, a, length, count));
            }
            feed.put("past_" + name, past);
            pinned.put(outputs.get("new_" + name), now);
        });
        return pinned;
    }

    private OnnxTensor rows(ByteBuffer all, Attention a, int from, int count) {
        int row = Math.toIntExact(row(a)) * type.bytes();
        ByteBuffer part = all.slice(from * row, count * row).order(ByteOrder.LITTLE_ENDIAN);
        return Feed.tensor(part, type, 1, count, a.nKvHeads(), a.dHead());
    }

    private static long row(Attention a) {
        return (long) a.nKvHeads() * a.dHead();
    }

    /** Called after each pass. */
    void advance(int positions) {
        length += positions;
    }

    KvCacheReport report() {
        return KvCacheReport.of(spec, type == Type.FLOAT16 ? DType.F16 : DType.F32, length, maxPositions);
    }

    @Override
    public void close() {
        whole.values().forEach(OnnxTensor::close);
    }
}
