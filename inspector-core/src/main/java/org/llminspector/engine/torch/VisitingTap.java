package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.SortedSet;
import java.util.function.BiConsumer;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;

/** Tap that passes values to a visitor as they are computed; their memory is valid only during that call. */
final class VisitingTap implements PassTap {

    private final RecordingTap changes;
    private final SortedSet<HookId> hooks;
    private final BiConsumer<HookId, Tensor> visitor;
    private final int last;

    /** @param changes applies interventions */
    VisitingTap(RecordingTap changes, SortedSet<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        this.changes = changes;
        this.hooks = hooks;
        this.visitor = visitor;
        boolean layered = hooks.stream().allMatch(h -> h.point().layered());
        this.last = layered ? hooks.stream().mapToInt(HookId::layer).max().orElse(-1) : Integer.MAX_VALUE;
    }

    @Override
    public boolean changes(HookPoint point, int layer) {
        return changes.changes(point, layer);
    }

    @Override
    public boolean wants(HookPoint point, int layer) {
        return changes.wants(point, layer) || hooks.contains(new HookId(point, layer));
    }

    @Override
    public boolean enough(int layer) {
        return layer >= last;
    }

    @Override
    public NDArray at(HookPoint point, int layer, NDArray value) {
        NDArray v = changed(point, layer, value);
        see(point, layer, v);
        return v;
    }

    @Override
    public NDArray changed(HookPoint point, int layer, NDArray value) {
        return changes.changed(point, layer, value);
    }

    @Override
    public void see(HookPoint point, int layer, NDArray value) {
        changes.see(point, layer, value);
        HookId id = new HookId(point, layer);
        if (!hooks.contains(id)) return;
        ByteBuffer bytes = value.toByteBuffer(true).order(ByteOrder.LITTLE_ENDIAN);
        visitor.accept(id, Tensor.of(DType.F32, bytes, value.getShape().getShape()));
    }
}
