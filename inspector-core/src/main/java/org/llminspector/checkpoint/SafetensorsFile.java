package org.llminspector.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import org.llminspector.base.Bytes;
import org.llminspector.base.FileBytes;
import org.llminspector.base.Names;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;

/**
 * An open .safetensors file, fully checked, with tensors memory-mapped on access.
 *
 * <p>Tensors are views of the file and stay readable after {@link #close()} and after the file is deleted (on Linux and
 * macOS). {@link FileBytes} protects a model's tensors when the file is overwritten in place.
 */
public final class SafetensorsFile implements WeightSource {

    private final Path path;
    private final SafetensorsHeader header;
    /** Guarded by this; an interrupt of a thread that uses it closes it. */
    private FileChannel channel;

    private final FileBytes bytes; // null where tensors are only read during a request
    private boolean closed;

    private SafetensorsFile(Path path, boolean weights) throws IOException {
        this.path = path;
        this.channel = Reads.channel(path);
        try {
            this.header = SafetensorsHeader.read(path, channel);
            this.bytes = weights ? FileBytes.open(path, channel) : null;
        } catch (IOException | RuntimeException | Error e) {
            channel.close();
            throw e;
        }
    }

    /** Opens the file and checks its header completely; any error is a Problem. */
    public static SafetensorsFile open(Path path) {
        return Reads.uninterrupted(path, () -> new SafetensorsFile(path, false));
    }

    /** The same for a model's weights, which native libraries read while the file may be overwritten. */
    static SafetensorsFile openWeights(Path path) {
        return Reads.uninterrupted(path, () -> new SafetensorsFile(path, true));
    }

    @Override
    public FileBytes bytesOfFile() {
        return bytes;
    }

    @Override
    public Path path() {
        return path;
    }

    /** Every tensor by name, in file order. */
    @Override
    public Map<String, TensorInfo> tensors() {
        return header.tensors();
    }

    /** The {@code __metadata__} entries; empty when there are none. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** The tensor, mapped without a copy. */
    @Override
    public Tensor tensor(String name) {
        TensorInfo info = header.tensors().get(name);
        if (info == null) {
            throw Problem.notFound("the file has no such tensor")
                    .where(path + ", tensor " + Names.shown(name))
                    .found(header.tensors().size() + " tensors")
                    .instead(Names.closestSentence(name, header.tensors().keySet()));
        }
        long[] shape = info.shape().stream().mapToLong(Long::longValue).toArray();
        if (info.bytes() == 0) return Tensor.of(info.dtype(), ByteBuffer.allocate(0), shape);
        return Tensor.of(info.dtype(), Reads.uninterrupted(path, () -> map(info)), shape);
    }

    private synchronized Bytes map(TensorInfo info) throws IOException {
        if (closed) throw new IllegalStateException("the file is closed: " + path);
        if (!channel.isOpen()) reopen();
        long size = channel.size();
        if (size < info.offset() + info.bytes()) {
            throw Problem.invalid("the file became shorter after it was opened")
                    .where(path + ", tensor " + Names.shown(info.name()))
                    .expected("at least " + (info.offset() + info.bytes()) + " bytes")
                    .found(size + " bytes")
                    .instead("restore the file and open the model again");
        }
        return bytes == null
                ? Bytes.mapped(channel, info.offset(), info.bytes())
                : bytes.at(channel, info.offset(), info.bytes());
    }

    /** Reopens the channel after an interrupt closed it; checks that the path still leads to the same file. */
    private void reopen() throws IOException {
        FileChannel again = Reads.channel(path);
        try {
            if (!SafetensorsHeader.read(path, again).equals(header)) {
                throw Problem.invalid("the file was replaced by another after it was opened")
                        .where(path)
                        .instead("open the model again");
            }
            channel = again;
        } finally {
            if (channel != again) again.close();
        }
    }

    /** Bytes of the whole file when it was opened. */
    public long bytes() {
        return header.fileBytes();
    }

    @Override
    public synchronized void close() {
        closed = true;
        if (bytes != null) bytes.close();
        try {
            channel.close();
        } catch (IOException e) {
            // It was opened for reading only: nothing can be lost.
        }
    }
}
