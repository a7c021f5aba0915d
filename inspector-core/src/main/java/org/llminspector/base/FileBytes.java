package org.llminspector.base;

import java.io.EOFException;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/**
 * Memory of a weight file, read by native libraries while the model is open. If a mapped file is truncated meanwhile,
 * access to its pages crashes the process; so it is mapped under a {@link FileLease}. Where no lease is available, a
 * small file is copied, and a large one is mapped anyway. Thread-safe.
 */
public final class FileBytes implements AutoCloseable {

    /** Largest file that is copied where no lease is available, in bytes. */
    static final long COPIED = 256L << 20;

    private static final Cleaner CLEANER = Cleaner.create();

    private final Path path;
    private final FileLease lease; // null where not available
    private final Bytes copy; // null where it is mapped

    private FileBytes(Path path, FileLease lease, Bytes copy) {
        this.path = path;
        this.lease = lease;
        this.copy = copy;
        if (lease != null) CLEANER.register(this, lease::close);
    }

    public static FileBytes open(Path path, FileChannel channel) throws IOException {
        return open(path, channel, FileLease.take(path));
    }

    static FileBytes open(Path path, FileChannel channel, FileLease lease) throws IOException {
        boolean copies = lease == null && channel.size() <= COPIED;
        return new FileBytes(path, lease, copies ? copy(path, channel) : null);
    }

    private static Bytes copy(Path path, FileChannel channel) throws IOException {
        ByteBuffer all = ByteBuffer.allocateDirect((int) channel.size());
        while (all.hasRemaining()) {
            if (channel.read(all, all.position()) < 0) throw new EOFException("the file became shorter: " + path);
        }
        return Bytes.of(all.flip());
    }

    /**
     * Part of the file.
     *
     * @param channel of the file; an interrupt may have closed the original one
     */
    public Bytes at(FileChannel channel, long offset, long size) throws IOException {
        if (copy != null) return copy.slice(offset, size);
        return Bytes.mapped(size, (from, n) -> {
            if (lease == null) return channel.map(FileChannel.MapMode.READ_ONLY, offset + from, n);
            ByteBuffer window = lease.map(channel, offset + from, n);
            if (window == null) throw overwritten(path);
            return window;
        });
    }

    /** Bytes copied into this process's memory; 0 where the file is mapped. */
    public long copied() {
        return copy == null ? 0 : copy.size();
    }

    /** Whether another program opened the mapped file for writing, so that its windows now read as zeros. */
    public boolean lost() {
        return lease != null && lease.broken();
    }

    /** Whether it is mapped without a lease, so that truncating the file may crash the process. */
    public boolean exposed() {
        return lease == null && copy == null;
    }

    public static Problem overwritten(Path path) {
        return Problem.of(Problem.Kind.CONFLICT, "the model was written over while it was open")
                .where(path)
                .expected("a file that stays as it is, or is replaced by renaming")
                .instead("try again: it is opened anew");
    }

    /** Ends mapping of new windows; existing ones stay readable. */
    @Override
    public void close() {
        if (lease != null) lease.close();
    }
}
