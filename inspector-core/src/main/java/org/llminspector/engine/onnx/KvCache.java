package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.engine.KvFormats;
import org.llminspector.engine.KvPrefix;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * KvCache keeps the rotated keys and the values of every position, in memory set aside once and never copied; where they
 * are captured, that is the capture's.
 *
 * <p>In place: [1, kv_head, max_pos, d_head], input and output of every pass at once. Else [max_pos, kv_head, d_head], of
 * which a pass reads the first rows and writes the next.
 */
final class KvCache implements AutoCloseable {

    private final DecoderSpec spec;
    private final int maxPositions;
    private final boolean inPlace;
    private final Type type;
    private final Map<String, Memory.Block> blocks = new LinkedHashMap<>(); // by "key.0", "value.0" ...
    private final Map<String, OnnxTensor> whole = new HashMap<>();
    private final Map<String, OnnxValue> pinned = new HashMap<>(); // by the graph's outputs
    private int length;

    /**
     * @param given the host's memory of some outputs, by {@link Graph#cache}'s names
     * @param memory where the others' is set aside
     */
    KvCache(DecoderSpec spec, int maxPositions, Graph graph, Map<String, ByteBuffer> given, Memory memory) {
        this.spec = spec;
        this.maxPositions = maxPositions;
        this.inPlace = graph.inPlace();
        this.type = graph.inputs().get("past_key.0");
        try {
            reserve(given, memory);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private void reserve(Map<String, ByteBuffer> given, Memory memory) {
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            for (String what : new String[] {"key.", "value."}) {
                ByteBuffer bytes = given.get("new_" + what + i);
                Memory.Block block =
                        bytes == null ? memory.reserve(maxPositions * row(a), type) : Memory.host(bytes, type);
                blocks.put(what + i, block);
                if (inPlace) whole.put(what + i, block.view(0, 1, a.nKvHeads(), maxPositions, a.dHead()));
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
        blocks.forEach((name, block) -> {
            OnnxTensor past = whole.get(name);
            OnnxTensor now = past;
            if (!inPlace) {
                Attention a = spec.layers()
                        .get(Integer.parseInt(name.substring(name.indexOf('.') + 1)))
                        .attention();
                past = feed.own("past_" + name, rows(block, a, 0, length));
                now = feed.own("new_" + name, rows(block, a, length, count));
            }
            feed.put("past_" + name, past);
            pinned.put(outputs.get("new_" + name), now);
        });
        return pinned;
    }

    private static OnnxTensor rows(Memory.Block all, Attention a, int from, int count) {
        return all.view(from * row(a), 1, count, a.nKvHeads(), a.dHead());
    }

    private static long row(Attention a) {
        return (long) a.nKvHeads() * a.dHead();
    }

    /** Begins with these positions; whether it can. */
    boolean begin(KvPrefix prefix) {
        if (!readable()) return false;
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            each(blocks.get("key." + i), a, prefix.length(), prefix.keys(i), FloatBuffer::put);
            each(blocks.get("value." + i), a, prefix.length(), prefix.values(i), FloatBuffer::put);
        }
        length = prefix.length();
        return true;
    }

    /** The first positions, copied; null where they do not lie in the host's memory as float32. */
    KvPrefix prefix(int n) {
        if (!readable()) return null;
        List<float[]> keys = new ArrayList<>();
        List<float[]> values = new ArrayList<>();
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            keys.add(new float[Math.toIntExact(n * row(a))]);
            values.add(new float[Math.toIntExact(n * row(a))]);
            each(blocks.get("key." + i), a, n, keys.get(i), FloatBuffer::get);
            each(blocks.get("value." + i), a, n, values.get(i), FloatBuffer::get);
        }
        return new KvPrefix(n, keys, values);
    }

    private boolean readable() {
        return type == Type.FLOAT && blocks.values().stream().allMatch(b -> b.bytes() != null);
    }

    /** Copy moves a head's numbers between the cache and an array. */
    private interface Copy {
        FloatBuffer copy(FloatBuffer cache, float[] values, int from, int count);
    }

    /** Goes through a block in the order [pos, kv_head, d_head], however it lies there. */
    private void each(Memory.Block block, Attention a, int n, float[] values, Copy copy) {
        ByteBuffer bytes = block.bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);
        FloatBuffer all = bytes.rewind().asFloatBuffer();
        for (int p = 0; p < n; p++) {
            for (int h = 0; h < a.nKvHeads(); h++) {
                int row = inPlace ? h * maxPositions + p : p * a.nKvHeads() + h;
                all.position(row * a.dHead());
                copy.copy(all, values, (p * a.nKvHeads() + h) * a.dHead(), a.dHead());
            }
        }
    }

    /** Called after each pass. */
    void advance(int positions) {
        length += positions;
    }

    KvCacheReport report() {
        return KvCacheReport.of(spec, type == Type.FLOAT16 ? KvFormats.FP16 : KvFormats.FP32, length, maxPositions);
    }

    @Override
    public final void close() {
        whole.values().forEach(OnnxTensor::close);
        blocks.values().forEach(Memory.Block::close);
    }
}
