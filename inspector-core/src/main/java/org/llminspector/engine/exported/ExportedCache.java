package org.llminspector.engine.exported;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.llminspector.base.Tensor;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.Memory;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/**
 * KV cache of one sequence on an exported graph, [1, kv_head, key, d_head], which every pass outputs anew. On a GPU it
 * stays there, except what a hook reads.
 */
final class ExportedCache implements AutoCloseable {

    /** One pass's output by part ({@code 0.key}, {@code 0.value} ...), and its resources. */
    private static final class Pass {
        final Map<String, OnnxTensor> parts = new HashMap<>();
        final List<Memory.Block> blocks = new ArrayList<>();
        final List<OnnxTensor> views = new ArrayList<>(); // the parts in blocks
        OrtSession.Result result; // owns the others

        void close() {
            views.forEach(OnnxTensor::close);
            if (result != null) result.close();
            blocks.forEach(Memory.Block::close);
        }
    }

    private final DecoderSpec spec;
    private final ExportedSignature ports;
    private final Memory memory;
    private final Set<String> read;
    private Pass last = new Pass();
    private Pass next; // of a running or failed pass

    /** @param read outputs that must be in host memory */
    ExportedCache(DecoderSpec spec, ExportedSignature ports, Memory memory, Set<String> read) {
        this.spec = spec;
        this.ports = ports;
        this.memory = memory;
        this.read = read;
    }

    /**
     * Sets a pass's cache inputs to the last pass's outputs.
     *
     * @param positions positions up to the end of this pass
     * @return tensors for new keys and values, by output; the other outputs are in the pass's result
     */
    Map<String, OnnxValue> bind(Feed feed, int positions) {
        Map<String, OnnxValue> pinned = new HashMap<>();
        if (next != null) next.close();
        next = new Pass();
        each((part, a) -> {
            OnnxTensor past = last.parts.get(part);
            feed.put(ExportedSignature.past(part), past == null ? nothing(feed, part, a) : past);
            String output = ExportedSignature.present(part);
            if (memory == Memory.HOST || read.contains(output)) return;
            Memory.Block block = memory.reserve((long) a.nKvHeads() * positions * a.dHead(), ports.cache());
            next.blocks.add(block);
            OnnxTensor view = block.view(0, shape(a, positions));
            next.views.add(view);
            next.parts.put(part, view);
            pinned.put(output, view);
        });
        return pinned;
    }

    /** Empty keys or values. */
    private OnnxTensor nothing(Feed feed, String part, Attention a) {
        return feed.own(part, Feed.tensor(Feed.memory(0, 1), ports.cache(), shape(a, 0)));
    }

    static long[] shape(Attention a, int positions) {
        return new long[] {1, a.nKvHeads(), positions, a.dHead()};
    }

    /** Fills the cache with a prefix, in host memory. */
    void begin(KvPrefix prefix) {
        each((part, a) -> {
            int layer = Integer.parseInt(part.substring(0, part.indexOf('.')));
            float[] first = part.endsWith(".key") ? prefix.keys(layer) : prefix.values(layer);
            ByteBuffer bytes = Feed.memory(first.length, Float.BYTES);
            bytes.asFloatBuffer().put(KvPrefix.byHead(first, prefix.length(), a.nKvHeads(), a.dHead()));
            OnnxTensor view = Feed.tensor(bytes, Type.FLOAT, shape(a, prefix.length()));
            last.views.add(view);
            last.parts.put(part, view);
        });
    }

    /** A copy of the first positions; null where they are not float32 in host memory. */
    KvPrefix prefix(int n, int length) {
        if (memory != Memory.HOST || ports.cache() != Type.FLOAT) return null;
        List<float[]> keys = new ArrayList<>();
        List<float[]> values = new ArrayList<>();
        each((part, a) -> {
            float[] all = new float[Math.toIntExact(Tensor.elements(shape(a, length)))];
            last.parts.get(part).getFloatBuffer().get(all);
            float[] byPosition = KvPrefix.byPosition(all, a.nKvHeads(), length, a.dHead());
            (part.endsWith(".key") ? keys : values).add(Arrays.copyOf(byPosition, n * a.nKvHeads() * a.dHead()));
        });
        return new KvPrefix(n, keys, values);
    }

    /** Takes over the pass's outputs, and owns its result. */
    void advance(OrtSession.Result result) {
        next.result = result;
        each((part, a) -> next.parts.computeIfAbsent(
                part, p -> (OnnxTensor) result.get(ExportedSignature.present(p)).orElseThrow()));
        last.close();
        last = next;
        next = null;
    }

    private void each(BiConsumer<String, Attention> of) {
        for (int i = 0; i < spec.nLayers(); i++) {
            Attention a = spec.layers().get(i).attention();
            of.accept(i + ".key", a);
            of.accept(i + ".value", a);
        }
    }

    @Override
    public void close() {
        if (next != null) next.close();
        last.close();
    }
}
