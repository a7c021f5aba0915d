package org.llminspector.base;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Conversion of a tensor to another float format, tile by tile on all cores, directly into its final memory without a
 * copy of the tensor's size. Mapped pages are released after they are read.
 */
public final class Conversion {

    private static final int TILE = 1 << 16;

    /**
     * Buffers of a thread for one tile, reused: new ones per tile would be garbage of three times the tensor's size.
     */
    private static final class Room {
        private static final ThreadLocal<Room> OWN = ThreadLocal.withInitial(Room::new);

        private final float[] floats = new float[TILE];
        private final short[] halves = new short[TILE];
    }

    /** binary16 of each bfloat16: rounded to nearest, ties to even. */
    private static final class Table {
        private static final short[] F16 = new short[1 << 16];

        static {
            for (int i = 0; i < F16.length; i++) F16[i] = HalfFloats.toF16(HalfFloats.fromBf16((short) i));
        }
    }

    private Conversion() {}

    /**
     * Converts and writes the values.
     *
     * @param to F32 or F16
     * @param out memory for the result
     * @return index of the first element that is infinite in F16, or -1
     */
    public static long write(Tensor from, DType to, Bytes out) {
        if (to != DType.F32 && to != DType.F16) throw new IllegalArgumentException("nothing is converted to " + to);
        long n = from.size();
        AtomicLong infinite = new AtomicLong(Long.MAX_VALUE);
        Parallel.each(Math.toIntExact((n + TILE - 1) / TILE), t -> {
            long first = (long) t * TILE;
            int count = (int) Math.min(TILE, n - first);
            int at = tile(from, to, first, count, out);
            if (at >= 0) infinite.accumulateAndGet(first + at, Math::min);
        });
        return infinite.get() == Long.MAX_VALUE ? -1 : infinite.get();
    }

    private static int tile(Tensor from, DType to, long first, int n, Bytes out) {
        ByteBuffer room = out.view(first * to.bytes(), (long) n * to.bytes());
        Bytes read = from.bytes()
                .slice(first * from.dtype().bytes(), (long) n * from.dtype().bytes());
        int infinite = -1;
        if (from.dtype() == to) {
            room.put(read.view(0, read.size()));
        } else if (from.dtype() == DType.BF16 && to == DType.F16) {
            short[] values = Room.OWN.get().halves;
            read.view(0, read.size()).asShortBuffer().get(values, 0, n);
            boolean any = false;
            for (int i = 0; i < n; i++) {
                values[i] = Table.F16[values[i] & 0xFFFF];
                any |= (values[i] & 0x7FFF) == 0x7C00;
            }
            if (any) infinite = infinite(values, n);
            room.asShortBuffer().put(values, 0, n);
        } else {
            float[] values = Room.OWN.get().floats;
            from.toFloats(first, values, n);
            if (to == DType.F32) {
                room.asFloatBuffer().put(values, 0, n);
            } else {
                short[] halves = Room.OWN.get().halves;
                for (int i = 0; i < n; i++) halves[i] = HalfFloats.toF16(values[i]);
                infinite = infinite(halves, n);
                room.asShortBuffer().put(halves, 0, n);
            }
        }
        read.release();
        return infinite;
    }

    private static int infinite(short[] halves, int n) {
        for (int i = 0; i < n; i++) if ((halves[i] & 0x7FFF) == 0x7C00) return i;
        return -1;
    }
}
