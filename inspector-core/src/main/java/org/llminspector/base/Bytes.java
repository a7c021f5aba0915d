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
 * Bytes is memory of any length, little-endian: a ByteBuffer ends at 2 GiB, a model's embedding need not.
 *
 * <p>It is seen through windows that begin 1 GiB apart and reach into the next, so that any part of at most 1 GiB lies
 * whole in one of them. Safe on any thread; what is written by one is seen by others as with any memory.
 */
public final class Bytes {

    /** The largest part that is always whole in one window. */
    public static final long PART = 1L << 30;

    private static final int MADV_DONTNEED = 4;
    private static final int MADV_HUGEPAGE = 14;
    private static final long PAGE = 4096;

    /** From this size on, memory is pages of its own: what malloc is given back it may keep, up to 32 MiB a piece. */
    private static final long APART = 2L << 20;

    private static final Cleaner CLEANER = Cleaner.create();

    /** What the memory is. */
    private enum Kind {
        /** The Java heap, or a buffer of somebody else's. */
        GIVEN,
        /** Outside the heap, made here. */
        MADE,
        /** Pages of a file. */
        MAPPED
    }

    /** Makes the window of so many bytes from an offset on. */
    @FunctionalInterface
    public interface Window {
        ByteBuffer at(long from, int size) throws IOException;
    }

    private final ByteBuffer[] windows;
    private final long step;
    private final long from;
    private final long size;
    private final Kind kind;
    private final boolean together; // whether one window follows the other in memory
    private Runnable free = () -> {};

    private Bytes(ByteBuffer[] windows, long step, long from, long size, Kind kind, boolean together) {
        this.windows = windows;
        this.step = step;
        this.from = from;
        this.size = size;
        this.kind = kind;
        this.together = together;
    }

    /** These bytes, from the buffer's position to its limit, which are not copied. */
    public static Bytes of(ByteBuffer data) {
        ByteBuffer all = data.slice().order(ByteOrder.LITTLE_ENDIAN);
        return new Bytes(new ByteBuffer[] {all}, PART, 0, all.capacity(), Kind.GIVEN, true);
    }

    /** Memory that lies together, of which somebody else makes the windows. */
    public static Bytes of(long size, Window window) throws IOException {
        return of(size, PART, Kind.GIVEN, true, window);
    }

    /** Part of an open file, mapped to be read. */
    public static Bytes mapped(FileChannel channel, long offset, long size) throws IOException {
        return mapped(size, (from, n) -> channel.map(FileChannel.MapMode.READ_ONLY, offset + from, n));
    }

    /** Pages of a file, of which {@code window} maps parts. */
    static Bytes mapped(long size, Window window) throws IOException {
        return of(size, PART, Kind.MAPPED, size <= Integer.MAX_VALUE, window);
    }

    /** Windows of another length than 1 GiB, which a test can afford. */
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

    /**
     * Memory outside the heap, which lies together; what is in it is not said. It is given back when nothing refers to it
     * any more, or by {@link #free}.
     */
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

    /** Whether it can be given to native code as it is: outside the heap, and in one piece. */
    public boolean isNative() {
        return together && windows[0].isDirect();
    }

    /**
     * Gives memory that {@link #allocate} made back now, not when the collector comes by: nobody may read it, or a view of
     * it, any more. Does nothing to other memory, nor to a part.
     */
    public void free() {
        free.run();
    }

    /** Whether it is pages of a file: they are in memory while somebody reads them. */
    public boolean isMapped() {
        return kind == Kind.MAPPED;
    }

    /** Part of it, not copied. */
    public Bytes slice(long from, long size) {
        if (from < 0 || size < 0 || from > this.size - size) {
            throw new IndexOutOfBoundsException(from + " + " + size + " of " + this.size + " bytes");
        }
        return new Bytes(windows, step, this.from + from, size, kind, together);
    }

    /** A view of part of it; of more than 1 GiB only where that happens to lie in one window. */
    public ByteBuffer view(long from, long size) {
        if (from < 0 || size < 0 || from > this.size - size) {
            throw new IndexOutOfBoundsException(from + " + " + size + " of " + this.size + " bytes");
        }
        int w = window(this.from + from);
        return windows[w]
                .slice(Math.toIntExact(this.from + from - w * step), Math.toIntExact(size))
                .order(ByteOrder.LITTLE_ENDIAN);
    }

    /** All of it, where it is at most 2 GiB. */
    public ByteBuffer whole() {
        if (!together || windows.length > 1 || size > Integer.MAX_VALUE)
            throw new IllegalStateException(size + " bytes");
        return view(0, size);
    }

    /** A view of its beginning, for native code that knows how long it is. */
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

    /** The bytes from {@code at} on, into part of an array. */
    public void get(long at, byte[] into, int offset, int n) {
        int w = window(from + at);
        windows[w].get((int) (from + at - w * step), into, offset, n);
    }

    /** Part of an array, from {@code at} on. */
    public void put(long at, byte[] bytes, int offset, int n) {
        int w = window(from + at);
        windows[w].put((int) (from + at - w * step), bytes, offset, n);
    }

    /** Copies all of it there, on all cores. */
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

    /** Writes all of it, a piece at a time: a channel copies a heap buffer into a native one of the same size first. */
    public void writeTo(WritableByteChannel out) throws IOException {
        for (long p = 0; p < size; p += 1 << 20) {
            ByteBuffer part = view(p, Math.min(1 << 20, size - p));
            while (part.hasRemaining()) out.write(part);
        }
    }

    /**
     * Says that it will not be read soon: pages of a file leave this process's memory, and come back from the file when
     * somebody reads them. Does nothing to other memory.
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

    /** Says that all of it will be written: in large pages where the system has them, which are 512 times fewer. */
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

    /** Pages are memory as Linux has it. */
    private static final class Pages {
        private static final Function MADVISE = Function.getFunction(Platform.C_LIBRARY_NAME, "madvise");
        private static final Function MMAP = Function.getFunction(Platform.C_LIBRARY_NAME, "mmap");
        private static final Function MUNMAP = Function.getFunction(Platform.C_LIBRARY_NAME, "munmap");
        private static final int READ_WRITE = 1 | 2;
        private static final int PRIVATE_ANONYMOUS = 2 | 32;

        /** The address of so many bytes of zeros, or 0. */
        static long map(long size) {
            long address = MMAP.invokeLong(new Object[] {null, size, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0L});
            return address == -1 ? 0 : address;
        }

        static void unmap(long address, long size) {
            MUNMAP.invokeInt(new Object[] {new Pointer(address), size});
        }
    }
}
