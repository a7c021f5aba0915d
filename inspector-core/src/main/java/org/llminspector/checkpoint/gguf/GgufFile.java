package org.llminspector.checkpoint.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;

/**
 * An open GGUF file, fully checked and memory-mapped: plain tensors are views of it, block tensors are decoded to
 * float32 on each access. Names, row order and values are the file's.
 */
public final class GgufFile {

    private final Path path;
    private final GgufMetadata metadata;
    private final Map<String, GgufTensor> tensors;
    /** The mapped bytes of all tensors. */
    private final Bytes data;

    private final FileBytes bytes;
    private final long start;

    private GgufFile(Path path) throws IOException {
        this.path = path;
        try (FileChannel channel = Reads.channel(path)) {
            GgufHeader header = GgufHeader.read(path, channel);
            this.metadata = new GgufMetadata(path, header.metadata());
            this.tensors = header.tensors();
            long end = tensors.values().stream()
                    .mapToLong(t -> t.offset() + t.bytes())
                    .max()
                    .orElse(0);
            this.start = tensors.values().stream()
                    .mapToLong(GgufTensor::offset)
                    .min()
                    .orElse(end);
            this.bytes = FileBytes.open(path, channel);
            try (FileBytes mapped = bytes) { // mapped once
                this.data = mapped.at(channel, start, end - start);
            }
        }
    }

    public FileBytes bytes() {
        return bytes;
    }

    /** Opens the file and checks its header completely; any error is a Problem. */
    public static GgufFile open(Path path) {
        return Reads.uninterrupted(path, () -> new GgufFile(path));
    }

    public Path path() {
        return path;
    }

    public GgufMetadata metadata() {
        return metadata;
    }

    /** Every tensor by its name in the file, in file order. */
    public Map<String, GgufTensor> tensors() {
        return tensors;
    }

    /** The tensor: plain types in the file's format, blocks decoded to F32. */
    public Tensor tensor(String name) {
        return tensor(info(name));
    }

    /** A tensor of this file, or a part of one. */
    public Tensor tensor(GgufTensor t) {
        long[] shape = t.shape().stream().mapToLong(Long::longValue).toArray();
        Bytes data = data(t);
        if (!t.type().isBlocks()) return Tensor.of(t.type().plain(), data, shape);
        return decode(t, data, shape);
    }

    /** Rows [from, to) of a matrix, without decoding the others. */
    public Tensor rows(GgufTensor t, int from, int to) {
        if (t.shape().size() != 2) throw new IllegalArgumentException("only a matrix has rows, not " + t.shape());
        Bytes data = data(t).slice(from * t.rowBytes(), (to - from) * t.rowBytes());
        if (!t.type().isBlocks()) return Tensor.of(t.type().plain(), data, to - from, t.rowSize());
        return decode(t, data, to - from, t.rowSize());
    }

    /** The given rows of a matrix, in the given order. */
    public Tensor rows(GgufTensor t, int... rows) {
        long size = t.rowBytes();
        Bytes picked = Bytes.allocate(size * rows.length);
        for (int i = 0; i < rows.length; i++) {
            picked.view(i * size, size).put(data(t).view(rows[i] * size, size));
        }
        if (!t.type().isBlocks()) return Tensor.of(t.type().plain(), picked, rows.length, t.rowSize());
        Tensor decoded = decode(t, picked, rows.length, t.rowSize());
        picked.free();
        return decoded;
    }

    private static Tensor decode(GgufTensor t, Bytes data, long... shape) {
        Bytes out = Bytes.allocate(Math.multiplyExact(Tensor.elements(shape), Float.BYTES));
        Blocks.decode(t.type(), data, out);
        data.release();
        return Tensor.of(DType.F32, out, shape);
    }

    /** Rows [from, to) of a block matrix, unpacked. */
    public GgufRows blocks(GgufTensor t, int from, int to) {
        checkBlocks(t);
        ByteBuffer rows = data(t).view(from * t.rowBytes(), (to - from) * t.rowBytes());
        return Blocks.rows(t.type(), rows, to - from, Math.toIntExact(t.rowSize()));
    }

    private static void checkBlocks(GgufTensor t) {
        if (t.shape().size() == 2 && t.type().isBlocks()) return;
        throw new IllegalArgumentException("only a matrix of blocks has them, not " + t);
    }

    /** The given rows of a block matrix, unpacked, in the given order. */
    public GgufRows blocks(GgufTensor t, int... rows) {
        checkBlocks(t);
        int bytes = Math.toIntExact(t.rowBytes());
        Bytes data = data(t);
        ByteBuffer picked = ByteBuffer.allocate(Math.multiplyExact(bytes, rows.length));
        for (int row : rows) picked.put(data.view((long) row * bytes, bytes));
        return Blocks.rows(t.type(), picked.flip(), rows.length, Math.toIntExact(t.rowSize()));
    }

    /**
     * The block with the weight at [row, column], in the file's order. Rows count over all leading axes; the result's
     * row also counts those before this part of the file's tensor.
     */
    public GgufBlock block(GgufTensor t, long row, long column) {
        long rows = t.rowSize() == 0 ? 0 : t.elements() / t.rowSize();
        if (!t.type().isBlocks() || row < 0 || row >= rows || column < 0 || column >= t.rowSize()) {
            throw Problem.invalid(
                            t.type().isBlocks() ? "there is no such weight" : "this tensor is not stored in blocks")
                    .where(path + ", tensor " + Problem.shown(t.name()))
                    .expected(t.type().isBlocks() ? "row and column within " + t.shape() : "a quantized tensor")
                    .found(t.type().isBlocks() ? "[" + row + ", " + column + "]" : t.type());
        }
        GgmlType type = t.type();
        long block = column / type.blockSize();
        long at = row * t.rowBytes() + block * type.blockBytes();
        long before = (t.offset() - info(t.name()).offset()) / t.rowBytes();
        return Blocks.inspect(t, before + row, block * type.blockSize(), data(t).view(at, type.blockBytes()));
    }

    private GgufTensor info(String name) {
        GgufTensor t = tensors.get(name);
        if (t != null) return t;
        throw Problem.notFound("the file has no such tensor")
                .where(path + ", tensor " + Problem.shown(name))
                .found(tensors.size() + " tensors");
    }

    private Bytes data(GgufTensor t) {
        return data.slice(t.offset() - start, t.bytes());
    }
}
