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
import java.util.Set;
import java.util.stream.Collectors;
import org.llminspector.engine.cache.CacheGrowth;
import org.llminspector.engine.cache.ConvState;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Taps;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/**
 * KV cache of one sequence on ONNX Runtime, in memory that grows with it ({@link CacheGrowth}). On a GPU it is allocated
 * whole; where keys or values are captured, it uses the capture's memory.
 *
 * <p>In place: [1, kv_head, capacity, d_head], both input and output of every pass. Else [capacity, kv_head, d_head],
 * of which a pass reads the first rows and writes the next; codes have scales, [capacity, kv_head, 1]. With latent
 * attention it keeps the latent vector ({@link KvShape}). The states of short convolutions ({@link ConvState}) are
 * separate, both input and output of every pass: a pass writes a state only after reading it.
 */
public final class KvCache implements AutoCloseable {

    private final DecoderSpec spec;
    private final List<KvShape> shapes; // one per layer
    private final int maxPositions;
    private final boolean inPlace;
    private final KvFormats formats;

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
    private int capacity; // positions allocated
    private int length;

    /**
     * @param given host memory to use for some outputs, by {@link Graph#cache}'s names
     * @param memory where the others are allocated
     */
    public KvCache(DecoderSpec spec, int maxPositions, Graph graph, Map<String, ByteBuffer> given, Memory memory) {
        Set<HookId> changed = graph.steps().stream().map(Taps.Step::hook).collect(Collectors.toSet());
        this.spec = spec;
        this.shapes = KvShape.of(spec, changed);
        this.maxPositions = maxPositions;
        this.inPlace = graph.inPlace();
        this.formats = new KvFormats(format(graph, "key"), format(graph, "value"));
        this.memory = memory;
        boolean host = memory == Memory.HOST && !(inPlace && !given.isEmpty());
        this.capacity = host ? Math.min(maxPositions, CacheGrowth.CHUNK) : maxPositions;
        try {
            reserve(graph, given);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    private KvFormat format(Graph graph, String what) {
        int first = spec.attending().stream().findFirst().orElse(-1);
        Type type = graph.inputs().get("past_" + what + "." + first);
        return type == Type.FLOAT16 ? KvFormat.FP16 : type == Type.INT8 ? KvFormat.INT8 : KvFormat.FP32;
    }

    private void reserve(Graph graph, Map<String, ByteBuffer> given) {
        for (int i = 0; i < shapes.size(); i++) {
            int past = ConvState.past(spec.layers().get(i));
            if (past > 0) {
                Memory.Block block = Memory.HOST.reserve((long) past * spec.dModel(), Type.FLOAT); // zeros
                parts.put("conv." + i, new Part(block, Type.FLOAT, 1, spec.dModel(), false));
                whole.put("conv." + i, block.view(0, 1, past, spec.dModel()));
            }
            KvShape s = shapes.get(i);
            for (String what : List.of("key.", "key_scale.", "value.", "value_scale.")) {
                Type type = graph.inputs().get("past_" + what + i);
                if (type == null) continue;
                int width = what.contains("scale") ? 1 : what.startsWith("key") ? s.key() : s.value();
                ByteBuffer bytes = given.get("new_" + what + i);
                Memory.Block block = bytes == null ? block(s.heads(), width, type) : Memory.host(bytes, type);
                parts.put(what + i, new Part(block, type, s.heads(), width, bytes == null));
                if (inPlace) whole.put(what + i, block.view(0, 1, s.heads(), capacity, width));
            }
        }
    }

    private Memory.Block block(int heads, int width, Type type) {
        return memory.reserve((long) capacity * heads * width, type);
    }

    /** Makes room for a pass over {@code count} positions. */
    void reserve(int count) {
        if (length + count > maxPositions) {
            throw new IllegalArgumentException(length + " + " + count + " of " + maxPositions + " positions");
        }
        int before = capacity;
        capacity = CacheGrowth.capacity(before, length + count, maxPositions);
        if (capacity == before) return;
        pinned.clear();
        for (Map.Entry<String, Part> e : parts.entrySet()) {
            Part old = e.getValue();
            if (!old.grows()) continue;
            Memory.Block block = block(old.heads(), old.width(), old.type());
            copy(old, before, block);
            OnnxTensor seen = whole.remove(e.getKey());
            if (seen != null) seen.close();
            old.block().close();
            e.setValue(new Part(block, old.type(), old.heads(), old.width(), true));
            if (inPlace) whole.put(e.getKey(), block.view(0, 1, old.heads(), capacity, old.width()));
        }
    }

    /** Copies the cached positions into a larger block; the in-place layout has them per head. */
    private void copy(Part old, int before, Memory.Block block) {
        int runs = inPlace ? old.heads() : 1;
        int unit = old.type().bytes() * old.width() * (inPlace ? 1 : old.heads());
        for (int h = 0; h < runs; h++) {
            block.bytes().put(h * capacity * unit, old.block().bytes(), h * before * unit, length * unit);
        }
    }

    /** Positions allocated. */
    int capacity() {
        return capacity;
    }

    /** Positions in the cache. */
    int length() {
        return length;
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
                past = feed.own("past_" + name, part.rows(0, length));
                now = feed.own("new_" + name, part.rows(length, count));
            }
            feed.put("past_" + name, past);
            pinned.put(outputs.get("new_" + name), now);
        });
        return pinned;
    }

    /** Fills the cache with a prefix; false where it cannot. */
    boolean begin(KvPrefix prefix) {
        if (!readable()) return false;
        reserve(prefix.length());
        for (int i = 0; i < shapes.size(); i++) {
            if (!spec.layers().get(i).attends()) {
                state(i).put(prefix.state(i));
                continue;
            }
            each("key." + i, prefix.length(), prefix.keys(i), FloatBuffer::put);
            each("value." + i, prefix.length(), prefix.values(i), FloatBuffer::put);
        }
        length = prefix.length();
        return true;
    }

    /** State of a layer's short convolution. */
    private FloatBuffer state(int layer) {
        ByteBuffer bytes = parts.get("conv." + layer).block().bytes().duplicate();
        return bytes.order(ByteOrder.LITTLE_ENDIAN).rewind().asFloatBuffer();
    }

    /**
     * A copy of the first positions; null where they are not float32 in host memory, or where short convolutions have
     * passed them.
     */
    KvPrefix prefix(int n) {
        boolean convolves = spec.attending().size() < spec.nLayers();
        if (!readable() || (convolves && n != length)) return null;
        List<float[]> states = new ArrayList<>();
        List<float[]> keys = new ArrayList<>();
        List<float[]> values = new ArrayList<>();
        for (int i = 0; i < shapes.size(); i++) {
            KvShape s = shapes.get(i);
            keys.add(new float[n * s.heads() * s.key()]);
            values.add(new float[n * s.heads() * s.value()]);
            states.add(new float[ConvState.past(spec.layers().get(i)) * spec.dModel()]);
            if (!spec.layers().get(i).attends()) {
                state(i).get(states.get(i));
                continue;
            }
            each("key." + i, n, keys.get(i), FloatBuffer::get);
            each("value." + i, n, values.get(i), FloatBuffer::get);
        }
        return new KvPrefix(n, keys, values, convolves ? states : List.of());
    }

    private boolean readable() {
        return formats.equals(KvFormats.FP32)
                && parts.values().stream().allMatch(p -> p.block().bytes() != null);
    }

    /** Copies a head's numbers between the cache and an array, in either direction. */
    private interface Copy {
        FloatBuffer copy(FloatBuffer cache, float[] values, int from, int count);
    }

    /** Visits a block in the order [pos, kv_head, d_head], whatever its layout. */
    private void each(String name, int n, float[] values, Copy copy) {
        Part part = parts.get(name);
        ByteBuffer bytes = part.block().bytes().duplicate().order(ByteOrder.LITTLE_ENDIAN);
        FloatBuffer all = bytes.rewind().asFloatBuffer();
        for (int p = 0; p < n; p++) {
            for (int h = 0; h < part.heads(); h++) {
                int row = inPlace ? h * capacity + p : p * part.heads() + h;
                all.position(row * part.width());
                copy.copy(all, values, (p * part.heads() + h) * part.width(), part.width());
            }
        }
    }

    /** Called after each pass. */
    void advance(int positions) {
        length += positions;
    }

    KvCacheReport report() {
        return KvCacheReport.of(spec, shapes, formats, length, capacity);
    }

    @Override
    public final void close() {
        whole.values().forEach(OnnxTensor::close);
        parts.values().forEach(p -> p.block().close());
    }
}
