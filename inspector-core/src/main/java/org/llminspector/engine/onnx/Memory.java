package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.llminspector.base.Tensor;

/** Memory is where a KV cache lies: in the host's memory, or where its graph runs. */
public interface Memory extends AutoCloseable {

    Memory HOST = (elements, type) -> host(Feed.memory(elements, type.bytes()), type);

    /** Where a session's keys and values may stay from pass to pass. */
    static Memory of(OrtSession session, Target target) {
        return target.cuda() ? new DeviceMemory(session, target.device()) : HOST;
    }

    /** Sets memory aside; what is in it is not said. */
    Block reserve(long elements, Type type);

    @Override
    default void close() {}

    /** Block is memory set aside. */
    interface Block extends AutoCloseable {

        /** A tensor over its elements from that one on; to be closed before the block is. */
        OnnxTensor view(long from, long... shape);

        /** The host's memory that it is, or null. */
        default ByteBuffer bytes() {
            return null;
        }

        @Override
        default void close() {}
    }

    /** A block of the host's memory that is there already. */
    static Block host(ByteBuffer bytes, Type type) {
        return new Block() {
            @Override
            public OnnxTensor view(long from, long... shape) {
                int unit = type.bytes();
                ByteBuffer part =
                        bytes.slice(Math.toIntExact(from * unit), Math.toIntExact(Tensor.elements(shape) * unit));
                return Feed.tensor(part.order(ByteOrder.LITTLE_ENDIAN), type, shape);
            }

            @Override
            public ByteBuffer bytes() {
                return bytes;
            }
        };
    }
}
