package org.llminspector.capture;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.llminspector.base.DType;
import org.llminspector.base.Lease;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory.Block;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/**
 * Buffers that collect a sequence's captured values, pass by pass (the prompt, then single tokens), into whole tensors:
 * an engine writes into the {@link #places} of a pass, or has its values copied by {@link #take}. Not thread-safe.
 */
public final class CaptureBuffers implements AutoCloseable {

    private static final int ALIGNMENT = 64;

    private final DecoderSpec spec;
    private final int maxPositions;
    private final CaptureMemory memory;
    private final Lease lease = new Lease("the captured values");
    private final List<Block> blocks = new ArrayList<>();
    private final SortedMap<HookId, ByteBuffer> buffers = new TreeMap<>();
    private final TreeSet<HookId> own;
    private final Map<HookId, ByteBuffer> scattered = new LinkedHashMap<>(); // of this pass
    private List<Block> scratch = List.of();
    private int positions;
    private boolean built; // a Capture may be reading the buffers

    public CaptureBuffers(DecoderSpec spec, Collection<HookId> hooks, int maxPositions, CaptureMemory memory) {
        this(spec, hooks, maxPositions, memory, Map.of());
    }

    /** @param same hooks whose value always equals another's: they share its memory */
    public CaptureBuffers(
            DecoderSpec spec,
            Collection<HookId> hooks,
            int maxPositions,
            CaptureMemory memory,
            Map<HookId, HookId> same) {
        this.spec = spec;
        this.maxPositions = maxPositions;
        this.memory = memory;
        this.own = new TreeSet<>(hooks);
        own.removeAll(same.keySet());
        Map<HookId, Integer> sizes = new LinkedHashMap<>();
        own.forEach(id -> sizes.put(id, CaptureBudget.bytes(id, shape(id, maxPositions))));
        try {
            buffers.putAll(parts(sizes, blocks));
        } catch (RuntimeException | Error e) {
            blocks.forEach(Block::giveBack);
            throw e;
        }
        same.forEach((id, other) -> buffers.put(id, buffers.get(other)));
    }

    /** Memory of these sizes, aligned, in borrowed blocks. */
    private Map<HookId, ByteBuffer> parts(Map<HookId, Integer> sizes, List<Block> blocks) {
        long left = sizes.values().stream().mapToLong(CaptureBuffers::aligned).sum();
        Map<HookId, ByteBuffer> parts = new LinkedHashMap<>();
        ByteBuffer shared = ByteBuffer.allocate(0);
        for (Map.Entry<HookId, Integer> e : sizes.entrySet()) {
            long size = aligned(e.getValue());
            ByteBuffer block = shared;
            if (size > block.remaining()) {
                Block lent = memory.lend(Math.max(size, Math.min(left, CaptureMemory.BLOCK)));
                blocks.add(lent);
                block = lent.bytes().duplicate();
                if (size <= CaptureMemory.BLOCK) shared = block;
            }
            parts.put(e.getKey(), block.slice(block.position(), e.getValue()).order(ByteOrder.LITTLE_ENDIAN));
            block.position(block.position() + (int) size);
            left -= size;
        }
        return parts;
    }

    private static long aligned(int bytes) {
        return (bytes + ALIGNMENT - 1L) / ALIGNMENT * ALIGNMENT;
    }

    /**
     * Memory for the values of a pass, in the shapes of {@link #take}. Call {@link #placed} once they are written.
     *
     * @return by hook, without those that share another's memory
     */
    public Map<HookId, ByteBuffer> places(int start, int count) {
        lease.check();
        dropScratch();
        Map<HookId, ByteBuffer> places = new LinkedHashMap<>();
        Map<HookId, Integer> sizes = new LinkedHashMap<>();
        for (HookId id : own) {
            if (inRows(id) || count == maxPositions) places.put(id, rows(buffers.get(id), start, count));
            else {
                long[] shape = HookShape.of(id.point(), spec, Math.max(0, id.layer()), count, (long) start + count);
                sizes.put(id, CaptureBudget.bytes(id, shape));
            }
        }
        scratch = new ArrayList<>();
        scattered.putAll(parts(sizes, scratch));
        places.putAll(scattered);
        return places;
    }

    /** Called when all values of a pass are written to their places. */
    public void placed(int start, int count) {
        scattered.forEach((id, values) -> take(id, values, start, count));
        dropScratch();
        positions = Math.max(positions, start + count);
    }

    private void dropScratch() {
        scattered.clear();
        scratch.forEach(Block::giveBack);
        scratch = List.of();
    }

    /** All of a hook's memory, [1, max_pos, ...]. */
    public ByteBuffer whole(HookId id) {
        return buffers.get(id).duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    /** Whether a hook's values of one pass are contiguous. */
    private static boolean inRows(HookId id) {
        return id.point().axisIndex(Axis.KEY) < 0;
    }

    private ByteBuffer rows(ByteBuffer buffer, int from, int count) {
        int row = buffer.capacity() / maxPositions;
        return buffer.slice(from * row, count * row).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Copies one hook's value of one pass.
     *
     * @param values float32: [1, count, ...], or [1, head, count, start + count] for scores and patterns
     * @param start first position of the pass
     * @param count positions of the pass
     */
    public void take(HookId id, ByteBuffer values, int start, int count) {
        lease.check();
        ByteBuffer buffer = buffers.get(id);
        if (inRows(id)) {
            int row = buffer.capacity() / maxPositions;
            buffer.put(start * row, values, values.position(), count * row);
        } else {
            if (start == 0 && count < maxPositions) pad(id, buffer);
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

    /** Fills scores or patterns as masked, for keys of later positions. */
    private static void pad(HookId id, ByteBuffer buffer) {
        float[] row = new float[Math.min(4096, buffer.capacity() / Float.BYTES)];
        if (id.point() == HookPoint.ATTN_SCORES) Arrays.fill(row, Float.NEGATIVE_INFINITY);
        FloatBuffer floats = buffer.asFloatBuffer();
        while (floats.hasRemaining()) floats.put(row, 0, Math.min(row.length, floats.remaining()));
    }

    /**
     * Everything captured so far: views of the buffers, except scores and patterns of fewer than all positions, which
     * are copied.
     */
    public Capture build() {
        lease.check();
        built = true;
        SortedMap<HookId, Tensor> tensors = new TreeMap<>();
        buffers.forEach((id, buffer) -> {
            long[] whole = shape(id, maxPositions);
            long[] part = shape(id, positions);
            int[][] ranges = new int[whole.length][];
            for (int a = 0; a < ranges.length; a++) ranges[a] = new int[] {0, Math.toIntExact(part[a])};
            Tensor seen = inRows(id)
                    ? Tensor.of(DType.F32, buffer.slice(0, CaptureBudget.bytes(id, part)), part)
                    : Tensor.of(DType.F32, buffer.slice(0, buffer.capacity()), whole)
                            .slice(ranges);
            tensors.put(id, seen.lent(lease));
        });
        return new Capture(tensors, this::giveBack);
    }

    private long[] shape(HookId id, int n) {
        return HookShape.of(id.point(), spec, Math.max(0, id.layer()), n, n);
    }

    private void giveBack() {
        lease.end();
        dropScratch();
        blocks.forEach(Block::giveBack);
    }

    /** Returns the memory, unless a {@link Capture} was built on it. */
    @Override
    public void close() {
        if (!built) giveBack();
    }
}
