package org.llminspector.base;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;

/**
 * Little-endian memory of any length; a ByteBuffer is limited to 2 GiB, which a model's embedding can exceed.
 *
 * <p>It is accessed through ByteBuffer windows of 2 GiB that start 1 GiB apart and overlap, so that any part of at most
 * 1 GiB is within one window. Usable from any thread; writes are not synchronized.
 */
public final class Bytes {

    /** The largest part that is always within one window. */
    public static final long PART = 1L << 30;

    private static final int MADV_DONTNEED = 4;
    private static final int MADV_HUGEPAGE = 14;
    private static final long PAGE = 4096;

    /**
     * Allocations of 2 MiB or more use mmap, so that freeing returns them to the system; malloc may keep up to 32 MiB
     * each.
     */
    private static final long APART = 2L << 20;

    private static final Cleaner CLEANER = Cleaner.create();

    /** Kind of memory. */
    private enum Kind {
        /** The Java heap, or a caller's buffer. */
        GIVEN,
        /** Off-heap, allocated here. */
        MADE,
        /** A memory-mapped file. */
        MAPPED
    }

    /** Creates the window of {@code size} bytes at an offset. */
    @FunctionalInterface
    public interface Window {
        ByteBuffer at(long from, int size) throws IOException;
    }

    private final ByteBuffer[] windows;
    private final long step;
    private final long from;
    private final long size;
    private final Kind kind;
    private final boolean together; // whether the windows are one contiguous memory range
    private Runnable free = () -> {};

    private Bytes(ByteBuffer[] windows, long step, long from, long size, Kind kind, boolean together) {
        this.windows = windows;
        this.step = step;
        this.from = from;
        this.size = size;
        this.kind = kind;
        this.together = together;
    }

    /** The buffer's bytes from position to limit, without a copy. */
    public static Bytes of(ByteBuffer data) {
        ByteBuffer all = data.slice().order(ByteOrder.LITTLE_ENDIAN);
        return new Bytes(new ByteBuffer[] {all}, PART, 0, all.capacity(), Kind.GIVEN, true);
    }

    /** Contiguous memory, whose windows the caller creates. */
    public static Bytes of(long size, Window window) throws IOException {
        return of(size, PART, Kind.GIVEN, true, window);
    }

    /** Part of an open file, mapped read-only. */
    public static Bytes mapped(FileChannel channel, long offset, long size) throws IOException {
        return mapped(size, (from, n) -> channel.map(FileChannel.MapMode.READ_ONLY, offset + from, n));
    }

    /** Memory-mapped file, whose windows {@code window} maps. */
    static Bytes mapped(long size, Window window) throws IOException {
        return of(size, PART, Kind.MAPPED, size <= Integer.MAX_VALUE, window);
    }

    /** Windows of another length than 1 GiB, for tests. */
    static Bytes stepped(long size, long step, Window window) throws IOException {
        return of(size, step, Kind.GIVEN, false, window);
    }

    private static Bytes of(long size, long step, Kind kind, boolean together, Window window) throws IOException {
        List<ByteBuffer> windows = new ArrayList<>();
        long most = step == PART ? Integer.MAX_VALUE : 2 * step - 1;
        for (long at = 0; windows.isEmpty() || at + most - step < size; at += step) {
            int n = (int) Math.min(most, size - at);
            windows.add((n == 0 ? ByteBuffer.allocate(0) : window.at(at, n)).order(ByteOrder.LITTLE_ENDIAN));
        }
        return new Bytes(windows.toArray(ByteBuffer[]::new), step, 0, size, kind, together);
    }

    /** Contiguous off-heap memory with undefined content. It is freed when it is unreachable, or by {@link #free}. */
    public static Bytes allocate(long size) {
        boolean apart = size >= APART && Platform.isLinux();
        long address = apart ? Pages.map(size) : Native.malloc(Math.max(1, size));
        if (address == 0) {
            throw Problem.tooLarge("there is not enough memory")
                    .expected(String.format(java.util.Locale.ROOT, "%,d bytes", size))
                    .instead("close other models or programs, or take a smaller model");
        }
        AtomicInteger left = new AtomicInteger();
        Runnable back = () -> {
            if (left.decrementAndGet() > 0) return;
            if (apart) Pages.unmap(address, size);
            else Native.free(address);
        };
        try {
            Bytes made = of(size, PART, Kind.MADE, true, (at, n) -> new Pointer(address + at).getByteBuffer(0, n));
            left.set(made.windows.length);
            List<Cleaner.Cleanable> each = new ArrayList<>();
            for (ByteBuffer window : made.windows) each.add(CLEANER.register(window, back));
            made.free = () -> each.forEach(Cleaner.Cleanable::clean);
            made.large();
            return made;
        } catch (IOException e) {
            throw new IllegalStateException("memory is no file", e);
        }
    }

    public long size() {
        return size;
    }

    /** Whether native code can use it directly: off-heap and contiguous. */
    public boolean isNative() {
        return together && windows[0].isDirect();
    }

    /**
     * Frees memory from {@link #allocate} at once; it and its views must not be read afterwards. No effect on other
     * memory or on slices.
     */
    public void free() {
        free.run();
    }

    /** Whether it is a memory-mapped file. */
    public boolean isMapped() {
        return kind == Kind.MAPPED;
    }

    /** A part, without a copy. */
    public Bytes slice(long from, long size) {
        if (from < 0 || size < 0 || from > this.size - size) {
            throw new IndexOutOfBoundsException(from + " + " + size + " of " + this.size + " bytes");
        }
        return new Bytes(windows, step, this.from + from, size, kind, together);
    }

    /** A view of a part; more than 1 GiB only where one window contains it. */
    public ByteBuffer view(long from, long size) {
        if (from < 0 || size < 0 || from > this.size - size) {
            throw new IndexOutOfBoundsException(from + " + " + size + " of " + this.size + " bytes");
        }
        int w = window(this.from + from);
        return windows[w]
                .slice(Math.toIntExact(this.from + from - w * step), Math.toIntExact(size))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** A view of all of it, up to 2 GiB. */
    public ByteBuffer whole() {
        if (!together || windows.length > 1 || size > Integer.MAX_VALUE)
            throw new IllegalStateException(size + " bytes");
        return view(0, size);
    }

    /** A view of its beginning, for native code that takes the length separately. */
    public ByteBuffer start() {
        return view(0, Math.min(size, PART));
    }

    private int window(long at) {
        return (int) Math.min(at / step, windows.length - 1);
    }

    public byte get(long at) {
        int w = window(from + at);
        return windows[w].get((int) (from + at - w * step));
    }

    public short getShort(long at) {
        int w = window(from + at);
        return windows[w].getShort((int) (from + at - w * step));
    }

    public int getInt(long at) {
        int w = window(from + at);
        return windows[w].getInt((int) (from + at - w * step));
    }

    public long getLong(long at) {
        int w = window(from + at);
        return windows[w].getLong((int) (from + at - w * step));
    }

    /** Copies bytes from {@code at} on into an array. */
    public void get(long at, byte[] into, int offset, int n) {
        int w = window(from + at);
        windows[w].get((int) (from + at - w * step), into, offset, n);
    }

    /** Copies part of an array to {@code at}. */
    public void put(long at, byte[] bytes, int offset, int n) {
        int w = window(from + at);
        windows[w].put((int) (from + at - w * step), bytes, offset, n);
    }

    /** Copies all bytes to {@code at} of another memory, on all cores. */
    public void copyTo(Bytes to, long at) {
        parts(1 << 22)
                .forEach(p -> to.view(at + p, Math.min(1 << 22, size - p)).put(view(p, Math.min(1 << 22, size - p))));
    }

    private LongStream parts(long length) {
        LongStream all = LongStream.iterate(0, p -> p < size, p -> p + length);
        return size > 4 * length
                ? LongStream.range(0, (size + length - 1) / length).parallel().map(i -> i * length)
                : all;
    }

    /** Writes all bytes in pieces of 1 MiB: a channel first copies a heap buffer into a native one of the same size. */
    public void writeTo(WritableByteChannel out) throws IOException {
        for (long p = 0; p < size; p += 1 << 20) {
            ByteBuffer part = view(p, Math.min(1 << 20, size - p));
            while (part.hasRemaining()) out.write(part);
        }
    }

    /**
     * Drops a mapped file's pages from this process's memory (madvise MADV_DONTNEED); later reads load them from the
     * file again. No effect on other memory.
     */
    public void release() {
        if (kind != Kind.MAPPED || size == 0 || !Platform.isLinux()) return;
        for (long p = 0; p < size; p += PART) {
            long n = Math.min(PART, size - p);
            long begin = Pointer.nativeValue(Native.getDirectBufferPointer(view(p, n)));
            long first = begin / PAGE * PAGE;
            long end = (begin + n + PAGE - 1) / PAGE * PAGE;
            Pages.MADVISE.invokeInt(new Object[] {new Pointer(first), end - first, MADV_DONTNEED});
        }
    }

    /**
     * Requests huge pages (madvise MADV_HUGEPAGE), for memory that will be written completely: 512 times fewer page
     * faults.
     */
    public void large() {
        if (size < APART || !isNative() || !Platform.isLinux()) return;
        for (long p = 0; p < size; p += PART) {
            long n = Math.min(PART, size - p);
            long begin = Pointer.nativeValue(Native.getDirectBufferPointer(view(p, n)));
            long first = (begin + PAGE - 1) / PAGE * PAGE;
            long end = (begin + n) / PAGE * PAGE;
            Pages.MADVISE.invokeInt(new Object[] {new Pointer(first), end - first, MADV_HUGEPAGE});
        }
    }

    /** Linux's memory functions. */
    private static final class Pages {
        private static final Function MADVISE = Function.getFunction(Platform.C_LIBRARY_NAME, "madvise");
        private static final Function MMAP = Function.getFunction(Platform.C_LIBRARY_NAME, "mmap");
        private static final Function MUNMAP = Function.getFunction(Platform.C_LIBRARY_NAME, "munmap");
        private static final int READ_WRITE = 1 | 2;
        private static final int PRIVATE_ANONYMOUS = 2 | 32;

        /** The address of new zeroed memory, or 0. */
        static long map(long size) {
            long address = MMAP.invokeLong(new Object[] {null, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L});
            return address == -1 ? 0 : address;
        }

        static void unmap(long address, long size) {
            MUNMAP.invokeInt(new Object[] {new Pointer(address), size});
        }
    }
}
