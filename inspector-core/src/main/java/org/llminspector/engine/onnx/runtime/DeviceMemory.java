package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import com.sun.jna.Pointer;
import org.llminspector.base.Problem;
import org.llminspector.engine.onnx.graph.Type;

/**
 * GPU memory of a session. A session uses tensors in it without a copy; the Java binding cannot create them, the C
 * interface can.
 */
public final class DeviceMemory implements Memory {

    private static final int CREATE_MEMORY_INFO = 68;
    private static final int ALLOCATE = 75;
    private static final int FREE = 76;
    private static final int RELEASE_MEMORY_INFO = 94;
    private static final int CREATE_ALLOCATOR = 131;
    private static final int RELEASE_ALLOCATOR = 132;

    private static final int DEVICE_ALLOCATOR = 0; // of OrtAllocatorType
    private static final int DEFAULT_MEMORY = 0; // of OrtMemType

    private final Pointer info;
    private final Pointer allocator;
    private int blocks;
    private boolean closed;

    /** @param device number of the session's GPU; null where it runs on the CPU */
    DeviceMemory(OrtSession session, Integer device) {
        info = NativeOrt.make(
                CREATE_MEMORY_INFO,
                device == null ? "Cpu" : "Cuda",
                DEVICE_ALLOCATOR,
                device == null ? 0 : device,
                DEFAULT_MEMORY);
        try {
            allocator = NativeOrt.make(CREATE_ALLOCATOR, NativeOrt.handle(session), info);
        } catch (RuntimeException e) {
            NativeOrt.release(RELEASE_MEMORY_INFO, info);
            throw e;
        }
    }

    @Override
    public synchronized Block reserve(long elements, Type type) {
        if (closed) throw new IllegalStateException("its graph is closed");
        Pointer begin = allocate(elements * type.bytes());
        blocks++;
        return new Block() {
            @Override
            public OnnxTensor view(long from, long... shape) {
                return NativeOrt.tensor(info, begin.share(from * type.bytes()), type, shape);
            }

            @Override
            public void close() {
                free(begin);
            }
        };
    }

    private Pointer allocate(long bytes) {
        try {
            return NativeOrt.make(ALLOCATE, allocator, bytes);
        } catch (Problem p) {
            throw Problem.tooLarge("the KV cache does not fit the device's memory")
                    .where("one layer's keys or values, " + bytes + " bytes")
                    .found(p.found())
                    .instead("ask for fewer tokens, or close other models")
                    .causedBy(p);
        }
    }

    private synchronized void free(Pointer begin) {
        NativeOrt.call(FREE, allocator, begin);
        blocks--;
        if (closed) giveUp();
    }

    /** Releases the allocator, or leaves that to the last block still in use by a sequence. */
    @Override
    public synchronized void close() {
        if (closed) return;
        closed = true;
        giveUp();
    }

    private void giveUp() {
        if (blocks > 0) return;
        NativeOrt.release(RELEASE_ALLOCATOR, allocator);
        NativeOrt.release(RELEASE_MEMORY_INFO, info);
    }
}
