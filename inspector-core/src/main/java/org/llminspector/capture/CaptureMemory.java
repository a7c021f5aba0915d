package org.llminspector.capture;

import com.sun.jna.Native;
import com.sun.jna.Pointer;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Pool of off-heap memory for an engine's captured values. It keeps returned blocks for reuse: page faults on new
 * memory take longer than writing the values. Thread-safe.
 *
 * <p>A block returns when it is given back, or when the garbage collector finds it unreachable.
 */
public final class CaptureMemory implements AutoCloseable {

    /** Bytes of a block shared by several values. */
    static final int BLOCK = 16 << 20;

    /** Most bytes of idle blocks. */
    static final long KEPT = 512L << 20;

    /** Bytes lent by all pools before a garbage collection is requested; the collector does not count them. */
    private static final long MANY = 256L << 20;

    private static final int SMALLEST = 64 << 10;
    private static final int STEP = 1 << 20;
    private static final int ALIGNMENT = 64;
    private static final Cleaner CLEANER = Cleaner.create();
    private static final AtomicLong LENT = new AtomicLong();
    private static volatile long many = MANY;

    /** A block's memory: the address from malloc, the first aligned address in it, and the bytes from there. */
    private record Place(long address, long begin, int size) {}

    /** A lent block of memory. */
    static final class Block {

        private final ByteBuffer bytes;
        private final Cleaner.Cleanable back;

        private Block(ByteBuffer bytes, Runnable back) {
            this.bytes = bytes;
            this.back = CLEANER.register(bytes, back);
        }

        /** The whole block, not cleared. It stays lent while this buffer or a slice of it is reachable. */
        ByteBuffer bytes() {
            return bytes;
        }

        /** Returns the block; it must not be read afterwards. */
        void giveBack() {
            back.clean();
        }
    }

    private final Deque<Place> idle = new ArrayDeque<>(); // least recently used first
    private long idleBytes;
    private long lentBytes; // by this pool; LENT is the sum over all
    private boolean closed;

    /** A block of at least {@code bytes} bytes. */
    Block lend(long bytes) {
        if (LENT.get() > many) collect();
        Place place = take(size(bytes));
        LENT.addAndGet(place.size());
        synchronized (this) {
            lentBytes += place.size();
        }
        // A new buffer, not a slice: a slice would refer to its original buffer, which must be collectable.
        ByteBuffer buffer = new Pointer(place.begin()).getByteBuffer(0, place.size());
        return new Block(buffer.order(ByteOrder.LITTLE_ENDIAN), () -> giveBack(place));
    }

    /** Rounds a size up to one of a few, so that blocks can be reused. */
    private static int size(long bytes) {
        if (bytes > BLOCK) return Math.toIntExact(Math.min(Integer.MAX_VALUE, (bytes + STEP - 1) / STEP * STEP));
        int power = Integer.highestOneBit((int) Math.max(1, bytes));
        return Math.max(SMALLEST, power < bytes ? 2 * power : power);
    }

    /** The smallest idle block that fits without wasting more than half, the most recently used first; or a new one. */
    private synchronized Place take(int size) {
        Place best = null;
        for (Place p : idle) {
            boolean fits = p.size() >= size && p.size() / 2 <= size;
            if (fits && (best == null || p.size() <= best.size())) best = p;
        }
        if (best == null) return allocate(size);
        idle.remove(best);
        idleBytes -= best.size();
        return best;
    }

    private static Place allocate(int size) {
        long address = Native.malloc((long) size + ALIGNMENT);
        if (address == 0) throw new OutOfMemoryError(size + " bytes for captured values");
        return new Place(address, (address + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, size);
    }

    private synchronized void giveBack(Place place) {
        LENT.addAndGet(-place.size());
        lentBytes -= place.size();
        idle.addLast(place);
        idleBytes += place.size();
        trim(closed ? 0 : KEPT);
    }

    private void trim(long kept) {
        while (idleBytes > kept) {
            Place oldest = idle.removeFirst();
            idleBytes -= oldest.size();
            Native.free(oldest.address());
        }
    }

    /**
     * Runs a garbage collection to return unreachable blocks; the next one runs when twice the remaining bytes are
     * lent.
     */
    private static synchronized void collect() {
        if (LENT.get() <= many) return;
        System.gc();
        try {
            for (int i = 0; i < 20 && LENT.get() > many / 2; i++) Thread.sleep(5); // waits for the cleaner's thread
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        many = Math.max(MANY, 2 * LENT.get());
    }

    /** Bytes of idle blocks. */
    public synchronized long idleBytes() {
        return idleBytes;
    }

    /** Bytes of this pool: idle and lent. */
    public synchronized long bytes() {
        return idleBytes + lentBytes;
    }

    /** Frees idle blocks, least recently used first, until at most {@code kept} bytes are idle. */
    public synchronized void shrink(long kept) {
        trim(kept);
    }

    /** Bytes lent by all pools of this process. */
    public static long lentBytes() {
        return LENT.get();
    }

    /** Frees idle blocks now, and lent ones when they return. */
    @Override
    public synchronized void close() {
        closed = true;
        trim(0);
    }
}
