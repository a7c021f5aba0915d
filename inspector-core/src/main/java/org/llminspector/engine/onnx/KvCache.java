package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.llminspector.engine.cache.CacheGrowth;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.engine.cache.SequenceCache;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.spec.DecoderSpec;

/**
 * KV cache of one sequence in ONNX Runtime's memory. On a GPU it is allocated whole; where keys or values are captured,
 * it uses the capture's memory.
 *
 * <p>In place: [1, kv_head, capacity, d_head], both input and output of every pass. Else [capacity, kv_head, d_head],
 * of which a pass reads the first rows and writes the next; codes have scales, [capacity, kv_head, 1]. The states of
 * short convolutions and recurrences are separate, both input and output of every pass: a pass writes a state only after reading it.
 */
public final class KvCache extends SequenceCache implements AutoCloseable {

    private final boolean inPlace;

    /**
     * Memory with one row per position: a layer's keys or values, or the scales of their codes; or a convolution's
     * state.
     *
     * @param width numbers per head
     */
    private record Part(Memory.Block block, Type type, int heads, int width, boolean grows) {

        long row() {
            return (long) heads * width;
        }

        OnnxTensor rows(int from, int count) {
            return block.view(from * row(), 1, count, heads, width);
        }
    }

    private final Map<String, Part> parts = new LinkedHashMap<>(); // by "key.0", "value.0", "key_scale.0" ...
    private final Map<String, OnnxTensor> whole = new HashMap<>();
    private final Map<String, OnnxValue> pinned = new HashMap<>(); // by output name
    private final Memory memory;

    /**
     * @param given host memory to use for some outputs, by {@link Graph#cache}'s names
     * @param memory where the others are allocated
     */
    public KvCache(DecoderSpec spec, int maxPositions, Graph graph, Map<String, ByteBuffer> given, Memory memory) {
        super(
                spec,
                shapes(spec, graph),
                formats(spec, graph),
                maxPositions,
                capacity(maxPositions, graph, given, memory));
        this.inPlace = graph.inPlace();
        this.memory = memory;
        try {
            allocate(graph, given);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private static List<KvShape> shapes(DecoderSpec spec, Graph graph) {
        return KvShape.of(spec, graph.steps().stream().map(Taps.Step::hook).collect(Collectors.toSet()));
    }

    private static int capacity(int maxPositions, Graph graph, Map<String, ByteBuffer> given, Memory memory) {
        boolean host = memory == Memory.HOST && !(graph.inPlace() && !given.isEmpty());
        return host ? Math.min(maxPositions, CacheGrowth.CHUNK) : maxPositions;
    }

    private static KvFormats formats(DecoderSpec spec, Graph graph) {
        int first = spec.attending().stream().findFirst().orElse(-1);
        return new KvFormats(
                format(graph.inputs().get("past_key." + first)),
                format(graph.inputs().get("past_value." + first)));
    }

    private static KvFormat format(Type type) {
        return type == Type.FLOAT16 ? KvFormat.FP16 : type == Type.INT8 ? KvFormat.INT8 : KvFormat.FP32;
    }

    private void allocate(Graph graph, Map<String, ByteBuffer> given) {
        for (int i = 0; i < shapes.size(); i++) {
            LayerState s = states.get(i);
            if (s.past() > 0) state("conv." + i, s.convolution(), s.channels(), 1, s.past(), s.channels());
            if (s.heads() > 0)
                state("ssm." + i, s.recurrence(), s.dHead() * s.dState(), 1, s.heads(), s.dHead(), s.dState());
            KvShape kv = shapes.get(i);
            for (String what : List.of("key.", "key_scale.", "value.", "value_scale.")) {
                Type type = graph.inputs().get("past_" + what + i);
                if (type == null) continue;
                int width = what.contains("scale") ? 1 : what.startsWith("key") ? kv.key() : kv.value();
                ByteBuffer bytes = given.get("new_" + what + i);
                Memory.Block block = bytes == null ? block(kv.heads(), width, type) : Memory.host(bytes, type);
                parts.put(what + i, new Part(block, type, kv.heads(), width, bytes == null));
                if (inPlace) whole.put(what + i, block.view(0, 1, kv.heads(), capacity(), width));
            }
        }
    }

    private void state(String name, int values, int row, long... shape) {
        Memory.Block block = Memory.HOST.reserve(values, Type.FLOAT); // zeros
        parts.put(name, new Part(block, Type.FLOAT, 1, row, false));
        whole.put(name, block.view(0, shape));
    }

    private Memory.Block block(int heads, int width, Type type) {
        return memory.reserve((long) capacity() * heads * width, type);
    }

    @Override
    protected void grow(int oldCapacity) {
        pinned.clear();
        for (Map.Entry<String, Part> e : parts.entrySet()) {
            Part old = e.getValue();
            if (!old.grows()) continue;
            Memory.Block block = block(old.heads(), old.width(), old.type());
            copy(old, oldCapacity, block);
            OnnxTensor seen = whole.remove(e.getKey());
            if (seen != null) seen.close();
            old.block().close();
            e.setValue(new Part(block, old.type(), old.heads(), old.width(), true));
            if (inPlace) whole.put(e.getKey(), block.view(0, 1, old.heads(), capacity(), old.width()));
        }
    }

    /** Copies the cached positions into a larger block; the in-place layout has them per head. */
    private void copy(Part old, int before, Memory.Block block) {
        int runs = inPlace ? old.heads() : 1;
        int unit = old.type().bytes() * old.width() * (inPlace ? 1 : old.heads());
        for (int h = 0; h < runs; h++) {
            block.bytes().put(h * capacity() * unit, old.block().bytes(), h * before * unit, length() * unit);
        }
    }

    /**
     * Sets the cache's inputs, and returns its output tensors, of a pass over {@code count} more positions.
     *
     * @param outputs the graph's names for new keys and values
     */
    Map<String, OnnxValue> bind(Feed feed, int count, Map<String, String> outputs) {
        if (inPlace && !pinned.isEmpty()) return pinned; // as in the pass before
        parts.forEach((name, part) -> {
            OnnxTensor past = whole.get(name);
            OnnxTensor now = past;
            if (past == null) {
                past = feed.own("past_" + name, part.rows(0, length()));
                now = feed.own("new_" + name, part.rows(length(), count));
            }
            feed.put("past_" + name, past);
            pinned.put(outputs.get("new_" + name), now);
        });
        return pinned;
    }

    @Override
    protected boolean readable() {
        return formats.equals(KvFormats.FP32)
                && parts.values().stream().allMatch(p -> p.block().bytes() != null);
    }

    @Override
    protected void put(Kept what, int layer, float[] values, int n) {
        each(part(what, layer), n, values, FloatBuffer::put);
    }

    @Override
    protected float[] get(Kept what, int layer, int n) {
        Part part = part(what, layer);
        float[] values = new float[Math.toIntExact(n * part.row())];
        each(part, n, values, FloatBuffer::get);
        return values;
    }

    private Part part(Kept what, int layer) {
        return parts.get(switch (what) {
                    case KEY -> "key.";
                    case VALUE -> "value.";
                    case CONVOLUTION -> "conv.";
                    case RECURRENCE -> "ssm.";
                }
                + layer);
    }

    /** Copies a head's numbers between the cache and an array, in either direction. */
    private interface Copy {
        FloatBuffer copy(FloatBuffer cache, float[] values, int from, int count);
    }

    /** Visits a block in the order [pos, kv_head, d_head], whatever its layout. */
    private void each(Part part, int n, float[] values, Copy copy) {
        ByteBuffer bytes = part.block().bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);
        FloatBuffer all = bytes.rewind().asFloatBuffer();
        for (int p = 0; p < n; p++) {
            for (int h = 0; h < part.heads(); h++) {
                int row = inPlace ? h * capacity() + p : p * part.heads() + h;
                all.position(row * part.width());
                copy.copy(all, values, (p * part.heads() + h) * part.width(), part.width());
            }
        }
    }

    @Override
    public final void close() {
        whole.values().forEach(OnnxTensor::close);
        parts.values().forEach(p -> p.block().close());
    }
}
