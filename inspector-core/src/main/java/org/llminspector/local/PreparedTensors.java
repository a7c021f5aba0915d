package org.llminspector.local;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Json;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.FileState;

/**
 * Disk cache of an engine's prepared tensors (such as quantized codes) for one model and one setting. Cached tensors
 * are memory-mapped, so that the system can evict them. Errors never fail an opening: what cannot be read is made
 * again, what cannot be written stays in memory. Thread-safe.
 */
public final class PreparedTensors implements AutoCloseable {

    /** Caches nothing. */
    public static final PreparedTensors NONE = new PreparedTensors(null, null, Map.of(), null, null);

    static final String DATA = "data";
    static final String INDEX = "index.json";

    private static final long PAGE = 4096;
    private static final int CHUNK = 1 << 20;

    /** Disk space left free, in bytes. */
    private static final long SPARE = 2L << 30;

    /** Type, shape, place and checksum of a tensor in the data file. */
    record Kept(DType dtype, List<Long> shape, long offset, long crc32c) {}

    /** A weight file's {@link FileState} in JSON. */
    record State(String path, String key, long bytes, long modified) {
        static State of(FileState s) {
            return new State(s.path().toString(), String.valueOf(s.key()), s.bytes(), s.modifiedNanos());
        }
    }

    /**
     * Index of a data file.
     *
     * @param files states of the weight files when they were hashed
     */
    record Index(String sha256, String settings, List<State> files, Map<String, Kept> tensors) {}

    private final PreparedStore store;
    private final Path found; // the folder to read; null on a cache miss
    private final Map<String, Kept> there;
    private final Path making; // the folder to write; null on a cache hit, or when nothing is cached
    private final String settings;
    private final Map<String, Kept> kept = new LinkedHashMap<>();
    private FileChannel data; // null until needed, or when not available
    private boolean ended;

    private PreparedTensors(PreparedStore store, Path found, Map<String, Kept> there, Path making, String settings) {
        this.store = store;
        this.found = found;
        this.there = there;
        this.making = making;
        this.settings = settings;
        this.ended = store == null;
    }

    static PreparedTensors found(PreparedStore store, Path folder, Index index) {
        return new PreparedTensors(store, folder, index.tensors(), null, index.settings());
    }

    static PreparedTensors making(PreparedStore store, Path folder, String settings) {
        return new PreparedTensors(store, null, Map.of(), folder, settings);
    }

    /** The cached tensor of this name, or null. */
    public synchronized Tensor find(String name, DType dtype, long... shape) {
        Kept t = there.get(name);
        if (ended || t == null || t.dtype() != dtype || !t.shape().equals(list(shape))) return null;
        long size = Tensor.elements(shape) * dtype.bytes();
        try {
            if (data == null) data = Reads.channel(found.resolve(DATA));
            if (t.offset() < 0 || t.offset() % PAGE != 0 || t.offset() > data.size() - size) return null;
            Bytes bytes = Bytes.mapped(data, t.offset(), size);
            long sum = sum(bytes);
            bytes.release();
            return sum == t.crc32c() ? Tensor.of(dtype, bytes, shape) : null;
        } catch (IOException e) {
            return null;
        }
    }

    /**
     * Writes a tensor to the cache, frees its memory and returns the mapped copy; returns the tensor itself where that
     * is not possible.
     */
    public synchronized Tensor keep(String name, Tensor made) {
        long size = made.byteSize();
        if (ended || making == null || size == 0 || size > Integer.MAX_VALUE) return made;
        try {
            Files.createDirectories(making);
            if (Files.getFileStore(making).getUsableSpace() < size + SPARE) return made;
            if (data == null) {
                data = FileChannel.open(
                        making.resolve(DATA),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.READ,
                        StandardOpenOption.WRITE);
            }
            long at = (data.size() + PAGE - 1) / PAGE * PAGE;
            data.position(at);
            made.bytes().writeTo(data);
            Bytes bytes = Bytes.mapped(data, at, size);
            kept.put(name, new Kept(made.dtype(), list(made.shape()), at, sum(made.bytes())));
            made.bytes().free();
            return Tensor.of(made.dtype(), bytes, made.shape());
        } catch (IOException e) {
            discard(); // mapped tensors stay readable
            return made;
        }
    }

    private static List<Long> list(long[] shape) {
        return Arrays.stream(shape).boxed().toList();
    }

    private static long sum(Bytes bytes) {
        CRC32C sum = new CRC32C();
        for (long at = 0; at < bytes.size(); at += CHUNK) {
            ByteBuffer part = bytes.view(at, Math.min(CHUNK, bytes.size() - at));
            sum.update(part);
        }
        return sum.getValue();
    }

    /** Publishes the prepared tensors under the weights' hash and file states; later openings reuse them. */
    public synchronized void finish(String sha256, Checkpoint checkpoint) {
        if (ended) return;
        try {
            if (making != null && !kept.isEmpty() && !checkpoint.changed()) {
                List<State> states = checkpoint.files().stream().map(State::of).toList();
                Index index = new Index(sha256, settings, states, kept);
                Files.writeString(making.resolve(INDEX), Json.write(index));
                Files.move(making, store.folder(sha256, settings), StandardCopyOption.ATOMIC_MOVE);
                store.trim();
            }
        } catch (IOException e) {
            // Another process cached the same, or the disk failed.
        }
        close();
    }

    private void discard() {
        ended = true;
        shut();
        if (making != null) PreparedStore.delete(making);
    }

    private void shut() {
        try {
            if (data != null) data.close();
        } catch (IOException e) {
            // The data is already mapped and has its checksum.
        }
        data = null;
    }

    /** Discards an unfinished entry; its tensors stay readable. */
    @Override
    public synchronized void close() {
        if (!ended) discard();
    }
}
