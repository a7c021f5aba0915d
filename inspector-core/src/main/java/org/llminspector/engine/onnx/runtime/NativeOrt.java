package org.llminspector.engine.onnx.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import ai.onnxruntime.TensorInfo.OnnxTensorType;
import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.lang.reflect.Constructor;
import java.lang.reflect.Field;
import java.util.Arrays;
import org.llminspector.base.Bytes;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.graph.Type;

/** Calls to ONNX Runtime's C interface that its Java binding lacks, on the binding's own objects. */
public final class NativeOrt {

    private static final int GET_ERROR_MESSAGE = 2;
    private static final int RELEASE_STATUS = 93;
    private static final int CREATE_TENSOR_WITH_DATA = 49;
    private static final int CREATE_CPU_MEMORY_INFO = 69;
    private static final int RELEASE_MEMORY_INFO = 94;

    private NativeOrt() {}

    /**
     * Calls a function that can fail.
     *
     * @param place its index in OrtApi (onnxruntime_c_api.h), stable because versions only append
     */
    static void call(int place, Object... arguments) {
        Pointer status = function(place).invokePointer(arguments);
        if (status == null) return;
        String message =
                function(GET_ERROR_MESSAGE).invokePointer(new Object[] {status}).getString(0);
        release(RELEASE_STATUS, status);
        throw Problem.of(Problem.Kind.INTERNAL, "ONNX Runtime refused the work").found(message);
    }

    /** Calls a function whose last argument is the output pointer; returns what it made. */
    static Pointer make(int place, Object... arguments) {
        PointerByReference made = new PointerByReference();
        Object[] all = Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = made;
        call(place, all);
        return made.getValue();
    }

    /** Calls a function that cannot fail. */
    static void release(int place, Pointer what) {
        function(place).invokeVoid(new Object[] {what});
    }

    private static Function function(int place) {
        Pointer table = new Pointer(api());
        return Function.getFunction(table.getPointer((long) place * Native.POINTER_SIZE));
    }

    /** Address of the binding's OrtApi. */
    static long api() {
        return (long) read("ai.onnxruntime.OnnxRuntime", "ortApiHandle", null);
    }

    static Pointer handle(OrtSession session) {
        return new Pointer((long) read("ai.onnxruntime.OrtSession", "nativeHandle", session));
    }

    /**
     * The binding's tensor over memory of any length, which must outlive it; the binding itself is limited to 2 GiB.
     */
    static OnnxTensor tensor(Bytes memory, Type type, long... shape) {
        Ort.load(); // a table of more than 1 GiB may be this process's first use of the library
        Pointer begin = Native.getDirectBufferPointer(memory.start());
        Pointer info = make(CREATE_CPU_MEMORY_INFO, 0, 0); // OrtDeviceAllocator, OrtMemTypeDefault
        try {
            return tensor(info, begin, type, shape);
        } finally {
            release(RELEASE_MEMORY_INFO, info);
        }
    }

    /** The same over memory of any device: an OrtValue, which is released when the tensor is closed. */
    static OnnxTensor tensor(Pointer memory, Pointer begin, Type type, long... shape) {
        long bytes = Tensor.elements(shape) * type.bytes();
        Pointer value = make(CREATE_TENSOR_WITH_DATA, memory, begin, bytes, shape, (long) shape.length, type.number);
        try {
            Constructor<TensorInfo> info =
                    TensorInfo.class.getDeclaredConstructor(long[].class, OnnxJavaType.class, OnnxTensorType.class);
            Constructor<OnnxTensor> tensor =
                    OnnxTensor.class.getDeclaredConstructor(long.class, long.class, TensorInfo.class);
            info.setAccessible(true);
            tensor.setAccessible(true);
            OnnxTensorType element = OnnxTensorType.valueOf("ONNX_TENSOR_ELEMENT_DATA_TYPE_" + type);
            return tensor.newInstance(
                    Pointer.nativeValue(value), 0L, info.newInstance(shape, OnnxWeights.javaType(type), element));
        } catch (ReflectiveOperationException e) {
            throw otherVersion(e);
        }
    }

    private static Object read(String type, String name, Object of) {
        try {
            Field field = Class.forName(type).getDeclaredField(name);
            field.setAccessible(true);
            return field.get(of);
        } catch (ReflectiveOperationException e) {
            throw otherVersion(e);
        }
    }

    static IllegalStateException otherVersion(ReflectiveOperationException e) {
        return new IllegalStateException("this is not the ONNX Runtime that was built against", e);
    }
}
