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
 * FileLease is a read lease (fcntl F_SETLEASE) on a file that is mapped: another program that opens the file for writing or
 * truncates it waits, 45 seconds at most, until the lease is given back. A thread polls for such a program, puts pages of
 * zeros in the place of the file's, so that no native library faults on pages that are gone, and gives the lease back.
 *
 * <p>Only the owner of a file, or root, gets a lease, on Linux and its local file systems, while the file is open for writing
 * nowhere. Safe on any thread.
 */
final class FileLease {

    private static final int F_SETSIG = 10;
    private static final int F_SETLEASE = 1024;
    private static final int F_GETLEASE = 1025;
    private static final int F_RDLCK = 0;
    private static final int F_UNLCK = 2;
    private static final int O_CLOEXEC = 0x80000;
    private static final int SIGURG = 23; // ignored unless a process asks for it; the default, SIGIO, ends the process

    private static final int PROT_READ = 1;
    private static final int PRIVATE_ANONYMOUS_FIXED = 2 | 32 | 16;

    private static final long POLL_MS = 200;
    private static final List<FileLease> ALL = new ArrayList<>();

    private final int descriptor;
    private final List<WeakReference<ByteBuffer>> windows = new ArrayList<>();
    private boolean closed; // no window will be added
    private volatile boolean broken;

    private FileLease(int descriptor) {
        this.descriptor = descriptor;
    }

    /** A lease on the file, or null where there is none to be had. */
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

    /** Whether the lease was broken by a program that opened the file for writing: all mapped windows read as zeros since. */
    boolean broken() {
        return broken;
    }

    /** The lease ends when nothing that was mapped under it can be read any more. */
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

    /** Gives the lease back where a writer waits, or where nothing is mapped any more. */
    private synchronized boolean ends() {
        windows.removeIf(w -> w.get() == null);
        boolean unused = closed && windows.isEmpty();
        if (!unused && Libc.control(descriptor, F_GETLEASE, 0) == F_RDLCK) return false;
        if (!unused) {
            broken = true; // said before the first zero can be read
            for (WeakReference<ByteBuffer> window : windows) {
                ByteBuffer mapped = window.get(); // held, so that its addresses stay its own
                if (mapped != null) Libc.zeros(mapped);
            }
        }
        Libc.control(descriptor, F_SETLEASE, F_UNLCK);
        Libc.CLOSE.invokeInt(new Object[] {descriptor});
        return true;
    }

    /** Libc is the C library's functions that leases take. */
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
