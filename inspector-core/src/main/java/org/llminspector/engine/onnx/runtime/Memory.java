package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.graph.Type;

/** Allocator of KV caches, in host memory or on the graph's device. */
public interface Memory extends AutoCloseable {

    Memory HOST = (elements, type) -> host(Feed.memory(elements, type.bytes()), type);

    /** The allocator for a session's device. */
    public static Memory of(OrtSession session, Target target) {
        return target.cuda() ? new DeviceMemory(session, target.device()) : HOST;
    }

    /** Allocates memory with undefined content. */
    public Block reserve(long elements, Type type);

    @Override
    public default void close() {}

    /** Allocated memory. */
    interface Block extends AutoCloseable {

        /** A tensor over its elements from {@code from} on; must be closed before the block. */
        public OnnxTensor view(long from, long... shape);

        /** Its host memory, or null on a GPU. */
        public default ByteBuffer bytes() {
            return null;
        }

        @Override
        public default void close() {}
    }

    /** A block over existing host memory. */
    public static Block host(ByteBuffer bytes, Type type) {
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
