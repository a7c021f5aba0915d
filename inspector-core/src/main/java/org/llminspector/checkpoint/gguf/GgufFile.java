package org.llminspector.checkpoint.gguf;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;

/**
 * GgufFile is one open GGUF file, fully checked and memory-mapped: plain tensors are views of it, block tensors are
 * decoded to float32 each time they are asked for. Names, row order and values are the file's own.
 *
 * <p>As with safetensors, a file that someone truncates while it is mapped is beyond any program's control.
 */
public final class GgufFile {

    private final Path path;
    private final GgufMetadata metadata;
    private final Map<String, GgufTensor> tensors;
    /** By tensor name; tensors beyond 2 GiB - 1 have none. */
    private final Map<String, ByteBuffer> bytes = new HashMap<>();

    private GgufFile(Path path) throws IOException {
        this.path = path;
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            GgufHeader header = GgufHeader.read(path, channel);
            this.metadata = new GgufMetadata(path, header.metadata());
            this.tensors = header.tensors();
            map(channel);
        }
    }

    /** Opens the file and checks its header completely; whatever is wrong with it is a Problem. */
    public static GgufFile open(Path path) {
        if (!Files.exists(path)) throw Problem.notFound("the file is missing").where(path);
        if (!Files.isRegularFile(path))
            throw Problem.invalid("this is not a file").where(path);
        return Reads.uninterrupted(path, () -> new GgufFile(path));
    }

    /** Few large mappings instead of one a tensor: each begins at a tensor and ends with one. */
    private void map(FileChannel channel) throws IOException {
        long start = 0;
        long end = 0;
        Map<String, GgufTensor> window = new HashMap<>();
        for (GgufTensor t : tensors.values()) {
            if (t.bytes() > Integer.MAX_VALUE) continue;
            if (t.offset() + t.bytes() - start > Integer.MAX_VALUE) {
                map(channel, start, end, window);
                window.clear();
            }
            if (window.isEmpty()) start = t.offset();
            end = t.offset() + t.bytes();
            window.put(t.name(), t);
        }
        map(channel, start, end, window);
    }

    private void map(FileChannel channel, long start, long end, Map<String, GgufTensor> window) throws IOException {
        if (window.isEmpty()) return;
        ByteBuffer mapped =
                end == start ? ByteBuffer.allocate(0) : channel.map(FileChannel.MapMode.READ_ONLY, start, end - start);
        for (GgufTensor t : window.values()) {
            bytes.put(t.name(), mapped.slice((int) (t.offset() - start), (int) t.bytes()));
        }
    }

    public Path path() {
        return path;
    }

    public GgufMetadata metadata() {
        return metadata;
    }

    /** Every tensor by the file's name for it, in the order of their bytes. */
    public Map<String, GgufTensor> tensors() {
        return tensors;
    }

    /** The tensor: F32, F16, BF16 and the like as they lie in the file, blocks decoded to F32. */
    public Tensor tensor(String name) {
        GgufTensor t = info(name);
        long[] shape = t.shape().stream().mapToLong(Long::longValue).toArray();
        ByteBuffer data = data(t);
        if (!t.type().isBlocks()) return Tensor.of(t.type().plain(), data, shape);
        return decode(t, data, shape);
    }

    /** Rows [from, to) of a matrix, without decoding the others. */
    public Tensor rows(String name, int from, int to) {
        GgufTensor t = info(name);
        if (t.shape().size() != 2) throw new IllegalArgumentException("only a matrix has rows, not " + t.shape());
        ByteBuffer data =
                data(t).slice(Math.toIntExact(from * t.rowBytes()), Math.toIntExact((to - from) * t.rowBytes()));
        if (!t.type().isBlocks()) return Tensor.of(t.type().plain(), data, to - from, t.rowSize());
        return decode(t, data, to - from, t.rowSize());
    }

    private Tensor decode(GgufTensor t, ByteBuffer data, long... shape) {
        long size = Tensor.elements(shape) * Float.BYTES;
        if (size > Integer.MAX_VALUE) throw tooLarge(t, size);
        ByteBuffer out;
        try {
            out = ByteBuffer.allocateDirect((int) size).order(ByteOrder.LITTLE_ENDIAN);
        } catch (OutOfMemoryError e) {
            throw Problem.tooLarge("there is not enough memory to decode this tensor")
                    .where(path + ", tensor " + Problem.shown(t.name()))
                    .expected(String.format(Locale.ROOT, "%,d bytes", size))
                    .found(e.getMessage())
                    .instead("give Java more memory (-Xmx, -XX:MaxDirectMemorySize)");
        }
        Blocks.decode(t.type(), data, out.asFloatBuffer());
        return Tensor.of(DType.F32, out, shape);
    }

    /** Rows of a matrix in blocks taken apart, these ones in this order. */
    public GgufRows blocks(String name, int... rows) {
        GgufTensor t = info(name);
        if (t.shape().size() != 2 || !t.type().isBlocks()) {
            throw new IllegalArgumentException("only a matrix of blocks has them, not " + t);
        }
        int bytes = Math.toIntExact(t.rowBytes());
        ByteBuffer data = data(t);
        ByteBuffer picked = ByteBuffer.allocate(Math.multiplyExact(bytes, rows.length));
        for (int row : rows) picked.put(data.slice(Math.toIntExact((long) row * bytes), bytes));
        return Blocks.rows(t.type(), picked.flip(), rows.length, Math.toIntExact(t.rowSize()));
    }

    /** The block that holds the weight at [row, column], in the file's own order; rows count over all leading axes. */
    public GgufBlock block(String name, long row, long column) {
        GgufTensor t = info(name);
        long rows = t.rowSize() == 0 ? 0 : t.elements() / t.rowSize();
        if (!t.type().isBlocks() || row < 0 || row >= rows || column < 0 || column >= t.rowSize()) {
            throw Problem.invalid(
                            t.type().isBlocks() ? "there is no such weight" : "this tensor is not stored in blocks")
                    .where(path + ", tensor " + Problem.shown(name))
                    .expected(t.type().isBlocks() ? "row and column within " + t.shape() : "a quantized tensor")
                    .found(t.type().isBlocks() ? "[" + row + ", " + column + "]" : t.type());
        }
        GgmlType type = t.type();
        long block = column / type.blockSize();
        int at = Math.toIntExact(row * t.rowBytes() + block * type.blockBytes());
        return Blocks.inspect(t, row, block * type.blockSize(), data(t).slice(at, type.blockBytes()));
    }

    private GgufTensor info(String name) {
        GgufTensor t = tensors.get(name);
        if (t != null) return t;
        throw Problem.notFound("the file has no such tensor")
                .where(path + ", tensor " + Problem.shown(name))
                .found(tensors.size() + " tensors");
    }

    private ByteBuffer data(GgufTensor t) {
        ByteBuffer data = bytes.get(t.name());
        if (data == null) throw tooLarge(t, t.bytes());
        return data.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    }

    private Problem tooLarge(GgufTensor t, long size) {
        return Problem.tooLarge("the tensor is larger than one buffer can be")
                .where(path + ", tensor " + Problem.shown(t.name()))
                .expected("at most 2 GiB - 1 (2,147,483,647 bytes)")
                .found(String.format(Locale.ROOT, "%,d bytes", size))
                .instead("open a smaller model");
    }
}
