package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.HalfFloats;
import org.llminspector.engine.PositionTables;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.layer.AlibiGraph;
import org.llminspector.engine.onnx.layer.Rotary;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/** Position-dependent graph inputs of a sequence's passes: position ids, RoPE tables, ALiBi values, masks. */
final class PositionInputs implements AutoCloseable {

    /** cos and sin of all positions, valid while the frequencies stay the same. */
    private record Table(float[] frequencies, int positions, OnnxTensor cos, OnnxTensor sin) {
        void close() {
            cos.close();
            sin.close();
        }
    }

    private final DecoderSpec spec;
    private final Map<String, Type> wanted;
    private final List<Rope> ropes;
    private final List<Alibi> alibis;
    private final Map<Integer, Table> tables = new HashMap<>();

    /** @param wanted the graph's inputs */
    PositionInputs(DecoderSpec spec, Map<String, Type> wanted) {
        this.spec = spec;
        this.wanted = wanted;
        this.ropes = Rotary.of(spec);
        this.alibis = AlibiGraph.of(spec);
    }

    /**
     * Sets the inputs for positions [start, start + count).
     *
     * @param capacity positions that tables are made for, so that several passes can use them
     */
    void fill(Feed feed, int start, int count, int capacity) {
        if (wanted.containsKey("positions")) {
            long[] positions = new long[count];
            for (int i = 0; i < count; i++) positions[i] = (long) start + i;
            feed.longs("positions", positions, 1, count);
        }
        if (wanted.containsKey("positions_so_far")) {
            feed.number("positions_so_far", start + count);
            feed.number("last_position", start + count - 1, 1);
        }
        for (int r = 0; r < ropes.size(); r++) {
            Rope rope = ropes.get(r);
            if (wanted.containsKey("cos." + r)) {
                float[][] halves = PositionTables.inHalves(rope, start, count);
                feed.floats("cos." + r, halves[0], count, 1, rope.rotaryDims());
                feed.floats("sin." + r, halves[1], count, 1, rope.rotaryDims());
            }
            if (wanted.containsKey("cos_table." + r)) {
                Table table = table(r, RopeFrequencies.perPosition(rope, start + count), capacity);
                feed.put("cos_table." + r, table.cos());
                feed.put("sin_table." + r, table.sin());
            }
        }
        for (int i = 0; i < alibis.size(); i++) {
            Alibi alibi = alibis.get(i);
            int heads = alibi.slopes().size();
            int end = start + count;
            feed.floats("alibi_keys." + i, AlibiBias.at(alibi, 0, end), 1, heads, 1, end);
            feed.floats("alibi_queries." + i, AlibiBias.at(alibi, start, count), 1, heads, count, 1);
        }
        spec.attentions().map(Attention::window).distinct().forEach(w -> mask(feed, w, start, count));
    }

    private void mask(Feed feed, Integer window, int start, int count) {
        String name = window == null ? "mask" : "mask." + window;
        if (!wanted.containsKey(name)) return;
        feed.floats(name, PositionTables.mask(window, start, count), count, (long) start + count);
    }

    private Table table(int r, float[] frequencies, int positions) {
        Table old = tables.get(r);
        if (old != null && old.positions() >= positions && Arrays.equals(old.frequencies(), frequencies)) return old;
        if (old != null) old.close();
        float[][] angles = PositionTables.angles(ropes.get(r), frequencies, 0, positions);
        Type type = wanted.get("cos_table." + r);
        Table table = new Table(
                frequencies, positions, tensor(type, angles[0], positions), tensor(type, angles[1], positions));
        tables.put(r, table);
        return table;
    }

    private OnnxTensor tensor(Type type, float[] values, int positions) {
        ByteBuffer bytes = Feed.memory(values.length, type.bytes());
        for (int i = 0; i < values.length; i++) {
            if (type == Type.FLOAT16) bytes.putShort(2 * i, HalfFloats.toF16(values[i]));
            else bytes.putFloat(4 * i, values[i]);
        }
        return Feed.tensor(bytes, type, positions, values.length / positions);
    }

    @Override
    public void close() {
        tables.values().forEach(Table::close);
    }
}
