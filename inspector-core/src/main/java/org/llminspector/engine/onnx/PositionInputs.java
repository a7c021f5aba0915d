package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.llminspector.base.HalfFloats;
import org.llminspector.engine.PositionTables;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.layer.PositionNames;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Reach;
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
    private final PositionNames names;
    private final Map<Rope, Table> tables = new HashMap<>();

    /** @param wanted the graph's inputs */
    PositionInputs(DecoderSpec spec, Map<String, Type> wanted) {
        this.spec = spec;
        this.wanted = wanted;
        this.names = new PositionNames(spec);
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
        for (Rope rope : names.ropes()) {
            if (wanted.containsKey(names.cos(rope))) {
                float[][] halves = PositionTables.inHalves(rope, start, count);
                feed.floats(names.cos(rope), halves[0], count, 1, rope.rotaryDims());
                feed.floats(names.sin(rope), halves[1], count, 1, rope.rotaryDims());
            }
            if (wanted.containsKey(names.cosTable(rope))) {
                Table table = table(rope, RopeFrequencies.perPosition(rope, start + count), capacity);
                feed.put(names.cosTable(rope), table.cos());
                feed.put(names.sinTable(rope), table.sin());
            }
        }
        for (Alibi alibi : names.alibis()) {
            int heads = alibi.slopes().size();
            int end = start + count;
            feed.floats(names.alibiKeys(alibi), AlibiBias.at(alibi, 0, end), 1, heads, 1, end);
            feed.floats(names.alibiQueries(alibi), AlibiBias.at(alibi, start, count), 1, heads, count, 1);
        }
        spec.attentions().map(Attention::reach).distinct().forEach(r -> mask(feed, r, start, count));
        spec.attentions()
                .map(Attention::queryScale)
                .filter(Objects::nonNull)
                .distinct()
                .forEach(s -> {
                    if (wanted.containsKey(names.queryScale(s)))
                        feed.floats(names.queryScale(s), s.at(start, count), count, 1, 1);
                });
    }

    private void mask(Feed feed, Reach reach, int start, int count) {
        String name = names.mask(reach);
        if (!wanted.containsKey(name)) return;
        feed.floats(name, PositionTables.mask(reach, start, count), count, (long) start + count);
    }

    private Table table(Rope rope, float[] frequencies, int positions) {
        Table old = tables.get(rope);
        if (old != null && old.positions() >= positions && Arrays.equals(old.frequencies(), frequencies)) return old;
        if (old != null) old.close();
        float[][] angles = PositionTables.angles(rope, frequencies, 0, positions);
        Type type = wanted.get(names.cosTable(rope));
        Table table = new Table(
                frequencies, positions, tensor(type, angles[0], positions), tensor(type, angles[1], positions));
        tables.put(rope, table);
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
