package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDScope;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.capture.CaptureBuffers;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/**
 * Tap of one sequence that captures requested values and applies interventions.
 *
 * <p>A captured value is an alias: nothing is copied until {@link #copyOut}, after the pass.
 */
final class RecordingTap implements PassTap {

    private final Map<HookPoint, BitSet> wanted = new EnumMap<>(HookPoint.class); // layers + 1
    private final Set<HookId> captured;
    private final Map<HookId, List<Change>> changes;
    private final Map<HookId, NDArray> kept = new LinkedHashMap<>();
    private final boolean hooked;
    private final Set<HookPoint> between;
    private int start;
    private int count;

    /** @param between the points between layers, {@link HookPoint#between} */
    RecordingTap(Set<HookId> captured, Map<HookId, List<Change>> changes, boolean hooked, Set<HookPoint> between) {
        this.hooked = hooked;
        this.between = between;
        this.captured = captured;
        this.changes = changes;
        captured.forEach(this::want);
        changes.keySet().forEach(this::want);
    }

    private void want(HookId id) {
        wanted.computeIfAbsent(id.point(), p -> new BitSet()).set(id.layer() + 1);
    }

    /** Called before each pass. */
    void pass(int start, int count) {
        this.start = start;
        this.count = count;
    }

    @Override
    public boolean seesInside() {
        return hooked || wanted.keySet().stream().anyMatch(p -> p.layered() && !between.contains(p));
    }

    @Override
    public boolean wants(HookPoint point, int layer) {
        BitSet layers = wanted.get(point);
        return layers != null && layers.get(layer + 1);
    }

    @Override
    public boolean changes(HookPoint point, int layer) {
        return !changes.isEmpty() && changes.containsKey(new HookId(point, layer));
    }

    @Override
    public NDArray at(HookPoint point, int layer, NDArray value) {
        if (!wants(point, layer)) return value;
        NDArray v = changed(point, layer, value);
        see(point, layer, v);
        return v;
    }

    @Override
    public NDArray changed(HookPoint point, int layer, NDArray value) {
        NDArray v = value;
        for (Change change : changes.getOrDefault(new HookId(point, layer), List.of())) v = change.apply(v, start);
        return v;
    }

    @Override
    public void see(HookPoint point, int layer, NDArray value) {
        HookId id = new HookId(point, layer);
        if (!captured.contains(id)) return;
        NDScope.unregister(value);
        kept.put(id, value);
    }

    /**
     * Copies the captured values out of the engine and frees them. The buffers are lent memory: a value that no tap gave
     * would be another run's bytes.
     */
    void copyOut(CaptureBuffers buffers) {
        for (HookId id : captured) {
            if (!kept.containsKey(id)) {
                throw new IllegalStateException(id + " was captured, and no tap in the decoder gave its value");
            }
        }
        kept.forEach((id, value) -> {
            ByteBuffer bytes = value.toByteBuffer(true).order(ByteOrder.LITTLE_ENDIAN);
            buffers.take(id, bytes, start, count);
        });
        close();
    }

    /** Frees the captured values. */
    void close() {
        new ArrayList<>(kept.values()).forEach(NDArray::close);
        kept.clear();
    }
}
