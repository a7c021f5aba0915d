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
 * CaptureMemory lends an engine memory outside the heap for captured values, and keeps some of what comes back for the
 * next capture: touching new pages takes longer than writing what is captured. Thread-safe.
 *
 * <p>A block comes back when it is given back, or when the garbage collector finds that nobody can read it any more.
 */
public final class CaptureMemory implements AutoCloseable {

    /** Bytes of a block that several values share. */
    static final int BLOCK = 16 << 20;

    /** Most bytes kept idle. */
    static final long KEPT = 512L << 20;

    /** Bytes lent by all before the collector is asked to look; it does not count them as its own. */
    private static final long MANY = 256L << 20;

    private static final int SMALLEST = 64 << 10;
    private static final int STEP = 1 << 20;
    private static final int ALIGNMENT = 64;
    private static final Cleaner CLEANER = Cleaner.create();
    private static final AtomicLong LENT = new AtomicLong();
    private static volatile long many = MANY;

    /** Place is where a block lies: what malloc gave, the first aligned address in it, and the bytes from there. */
    private record Place(long given, long begin, int size) {}

    /** Block is lent memory. */
    static final class Block {

        private final ByteBuffer bytes;
        private final Cleaner.Cleanable back;

        private Block(ByteBuffer bytes, Runnable back) {
            this.bytes = bytes;
            this.back = CLEANER.register(bytes, back);
        }

        /** All of it, with what the last user left there. It stays lent for as long as this or a slice of it is held. */
        ByteBuffer bytes() {
            return bytes;
        }

        /** Says that nobody reads it any more. */
        void giveBack() {
            back.clean();
        }
    }

    private final Deque<Place> idle = new ArrayDeque<>(); // longest unused first
    private long idleBytes;
    private long lentBytes; // of this engine's, where LENT is of all
    private boolean closed;

    /** A block of at least so many bytes. */
    Block lend(long bytes) {
        if (LENT.get() > many) collect();
        Place place = take(size(bytes));
        LENT.addAndGet(place.size());
        synchronized (this) {
            lentBytes += place.size();
        }
        // Not a slice of something that lives on: a slice refers to the buffer that it came from first of all.
        ByteBuffer buffer = new Pointer(place.begin()).getByteBuffer(0, place.size());
        return new Block(buffer.order(ByteOrder.LITTLE_ENDIAN), () -> back(place));
    }

    /** Few sizes, so that blocks fit again. */
    private static int size(long bytes) {
        if (bytes > BLOCK) return Math.toIntExact(Math.min(Integer.MAX_VALUE, (bytes + STEP - 1) / STEP * STEP));
        int power = Integer.highestOneBit((int) Math.max(1, bytes));
        return Math.max(SMALLEST, power < bytes ? 2 * power : power);
    }

    /** The smallest idle block that fits and is not much too large, of these the one used last; or a new one. */
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
        long given = Native.malloc((long) size + ALIGNMENT);
        if (given == 0) throw new OutOfMemoryError(size + " bytes for captured values");
        return new Place(given, (given + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT, size);
    }

    private synchronized void back(Place place) {
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
            Native.free(oldest.given());
        }
    }

    /** Has blocks come back that nobody can read; asks again when twice as much is lent as is really in use. */
    private static synchronized void collect() {
        if (LENT.get() <= many) return;
        System.gc();
        try {
            for (int i = 0; i < 20 && LENT.get() > many / 2; i++) Thread.sleep(5); // the cleaner's thread is at it
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        many = Math.max(MANY, 2 * LENT.get());
    }

    /** Bytes kept idle. */
    public synchronized long idleBytes() {
        return idleBytes;
    }

    /** Bytes of this engine's captured values: kept idle, and lent and not yet back. */
    public synchronized long bytes() {
        return idleBytes + lentBytes;
    }

    /** Frees idle blocks, those unused longest first, until no more than so many bytes are idle. */
    public synchronized void shrink(long kept) {
        trim(kept);
    }

    /** Bytes lent and not yet back, of all engines of this process. */
    public static long lentBytes() {
        return LENT.get();
    }

    /** Frees what is idle now, and what is lent when it comes back. */
    @Override
    public synchronized void close() {
        closed = true;
        trim(0);
    }
}
