package org.llminspector.capture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collection;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/**
 * CaptureBuffers gather what passes of one sequence saw (first the prompt, then token after token) into whole
 * tensors. Not thread-safe.
 */
public final class CaptureBuffers {

    private final DecoderSpec spec;
    private final int maxPositions;
    private final SortedMap<HookId, ByteBuffer> buffers = new TreeMap<>();
    private int positions;

    public CaptureBuffers(DecoderSpec spec, Collection<HookId> hooks, int maxPositions) {
        this.spec = spec;
        this.maxPositions = maxPositions;
        for (HookId id : hooks) {
            int bytes = Math.toIntExact(Tensor.elements(shape(id, maxPositions)) * Float.BYTES);
            ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
            if (id.point() == HookPoint.ATTN_SCORES) fill(buffer, Float.NEGATIVE_INFINITY);
            buffers.put(id, buffer);
        }
    }

    /**
     * Takes one hook's value of one pass.
     *
     * @param values float32: [1, count, ...], or [1, head, count, start + count] for scores and patterns
     * @param start first position of the pass
     * @param count positions of the pass
     */
    public void take(HookId id, ByteBuffer values, int start, int count) {
        ByteBuffer buffer = buffers.get(id);
        if (id.point().axisIndex(Axis.KEY) < 0) {
            int row = buffer.capacity() / maxPositions;
            buffer.put(start * row, values, values.position(), count * row);
        } else {
            int heads = (int) shape(id, 1)[1];
            int keys = (start + count) * Float.BYTES;
            for (int h = 0; h < heads; h++) {
                for (int q = 0; q < count; q++) {
                    int to = ((h * maxPositions) + start + q) * maxPositions * Float.BYTES;
                    buffer.put(to, values, values.position() + (h * count + q) * keys, keys);
                }
            }
        }
        positions = Math.max(positions, start + count);
    }

    /** Everything taken so far; views of the buffers where the positions are all there. */
    public Capture build() {
        SortedMap<HookId, Tensor> tensors = new TreeMap<>();
        buffers.forEach((id, buffer) -> {
            long[] whole = shape(id, maxPositions);
            long[] part = shape(id, positions);
            int[][] ranges = new int[whole.length][];
            for (int a = 0; a < ranges.length; a++) ranges[a] = new int[] {0, Math.toIntExact(part[a])};
            boolean rowsOnly = id.point().axisIndex(Axis.KEY) < 0;
            tensors.put(
                    id,
                    rowsOnly
                            ? Tensor.of(
                                    DType.F32,
                                    buffer.slice(0, Math.toIntExact(Tensor.elements(part) * Float.BYTES)),
                                    part)
                            : Tensor.of(DType.F32, buffer.slice(0, buffer.capacity()), whole)
                                    .slice(ranges));
        });
        return new Capture(tensors);
    }

    private long[] shape(HookId id, int n) {
        return id.point().shape(spec, Math.max(0, id.layer()), n, n);
    }

    private static void fill(ByteBuffer buffer, float value) {
        for (int i = 0; i < buffer.capacity(); i += Float.BYTES) buffer.putFloat(i, value);
    }
}
