package org.llminspector.base;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.Platform;
import com.sun.jna.Pointer;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Read lease (fcntl F_SETLEASE) on a memory-mapped file: a program that opens the file for writing or truncates it is
 * blocked, for at most 45 seconds, until the lease is released. A polling thread detects this, replaces the mapped
 * pages by zero pages, so that native libraries do not fault on missing pages, and releases the lease.
 *
 * <p>Requires Linux, a local file system, ownership of the file or root, and that the file is not open for writing.
 * Thread-safe.
 */
final class FileLease {

    private static final int F_SETSIG = 10;
    private static final int F_SETLEASE = 1024;
    private static final int F_GETLEASE = 1025;
    private static final int F_RDLCK = 0;
    private static final int F_UNLCK = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int SIGURG = 23; // ignored by default, unlike SIGIO, which would end the process

    private static final int PROT_READ = 1;
    private static final int PRIVATE_ANONYMOUS_FIXED = 2 | 32 | 16;

    private static final long POLL_MS = 200;
    private static final List<FileLease> ALL = new ArrayList<>();

    private final int descriptor;
    private final List<WeakReference<ByteBuffer>> windows = new ArrayList<>();
    private boolean closed; // no more windows will be mapped
    private volatile boolean broken;

    private FileLease(int descriptor) {
        this.descriptor = descriptor;
    }

    /** Takes a lease; null where it is not available. */
    static FileLease take(Path file) {
        if (!Platform.isLinux()) return null;
        int descriptor = Libc.OPEN.invokeInt(new Object[] {file.toAbsolutePath().toString(), O_CLOEXEC});
        if (descriptor < 0) return null;
        boolean taken =
                Libc.control(descriptor, F_SETSIG, SIGURG) == 0 && Libc.control(descriptor, F_SETLEASE, F_RDLCK) == 0;
        if (!taken) {
            Libc.CLOSE.invokeInt(new Object[] {descriptor});
            return null;
        }
        FileLease lease = new FileLease(descriptor);
        synchronized (ALL) {
            if (ALL.isEmpty()) watch();
            ALL.add(lease);
        }
        return lease;
    }

    /** Maps part of the file for reading; null when the lease is broken. */
    synchronized ByteBuffer map(FileChannel channel, long from, long size) throws IOException {
        if (broken) return null;
        ByteBuffer window = channel.map(FileChannel.MapMode.READ_ONLY, from, size);
        windows.removeIf(w -> w.get() == null);
        windows.add(new WeakReference<>(window));
        return window;
    }

    /** Whether a program opened the file for writing and broke the lease: all windows read as zeros since then. */
    boolean broken() {
        return broken;
    }

    /** Ends the lease once all its windows are unreachable. */
    synchronized void close() {
        closed = true;
    }

    private static void watch() {
        Thread thread = new Thread(FileLease::poll, "file-leases");
        thread.setDaemon(true);
        thread.start();
    }

    private static void poll() {
        while (true) {
            List<FileLease> all;
            synchronized (ALL) {
                all = List.copyOf(ALL);
            }
            List<FileLease> ended = all.stream().filter(FileLease::ends).toList();
            synchronized (ALL) {
                ALL.removeAll(ended);
                if (ALL.isEmpty()) return;
            }
            try {
                Thread.sleep(POLL_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the process ends
                return;
            }
        }
    }

    /** Releases the lease where a writer waits or nothing is mapped any more; returns whether it did. */
    private synchronized boolean ends() {
        windows.removeIf(w -> w.get() == null);
        boolean unused = closed && windows.isEmpty();
        if (!unused && Libc.control(descriptor, F_GETLEASE, 0) == F_RDLCK) return false;
        if (!unused) {
            broken = true; // set before the first zero can be read
            for (WeakReference<ByteBuffer> window : windows) {
                ByteBuffer mapped = window.get(); // strong reference, so that it stays mapped
                if (mapped != null) Libc.zeros(mapped);
            }
        }
        Libc.control(descriptor, F_SETLEASE, F_UNLCK);
        Libc.CLOSE.invokeInt(new Object[] {descriptor});
        return true;
    }

    /** C library functions for leases. */
    private static final class Libc {
        private static final Function OPEN = function("open");
        private static final Function CLOSE = function("close");
        private static final Function FCNTL = function("fcntl");
        private static final Function MMAP = function("mmap");
        private static final long PAGE = function("getpagesize").invokeInt(new Object[0]);

        private static Function function(String name) {
            return Function.getFunction(Platform.C_LIBRARY_NAME, name);
        }

        static int control(int descriptor, int command, int argument) {
            return FCNTL.invokeInt(new Object[] {descriptor, command, argument});
        }

        static void zeros(ByteBuffer mapped) {
            long begin = Pointer.nativeValue(Native.getDirectBufferPointer(mapped));
            long first = begin / PAGE * PAGE;
            long end = (begin + mapped.capacity() + PAGE - 1) / PAGE * PAGE;
            MMAP.invokeLong(new Object[] {new Pointer(first), end - first, PROT_READ, PRIVATE_ANONYMOUS_FIXED, -1, 0L});
        }
    }
}
