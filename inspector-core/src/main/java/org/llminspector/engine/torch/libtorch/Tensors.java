package org.llminspector.engine.torch.libtorch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.llminspector.base.Bytes;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;

/** Plain tensors as NDArrays, and NDArrays as plain tensors. Runs on the engine thread. */
public final class Tensors {

    private Tensors() {}

    /**
     * An NDArray over a tensor outside the heap, without a copy on the CPU; it keeps a reference to the tensor's
     * memory.
     */
    public static NDArray over(NDManager manager, Tensor tensor, DataType type) {
        return JniUtils.createNdFromByteBuffer(
                (PtNDManager) manager,
                tensor.bytes().start(),
                new Shape(tensor.shape()),
                type,
                SparseFormat.DENSE,
                manager.getDevice());
    }

    /** An NDArray of a plain tensor's values in float32. */
    public static NDArray floats(NDManager manager, Tensor tensor) {
        Tensor values = tensor.upcast();
        if (values.bytes().isNative()) return over(manager, values, DataType.FLOAT32);
        Bytes outside = Bytes.allocate(values.byteSize());
        values.bytes().copyTo(outside, 0);
        return over(manager, Tensor.of(DType.F32, outside, values.shape()), DataType.FLOAT32);
    }

    /** A plain tensor of a float32 array's values. */
    public static Tensor copy(NDArray array) {
        ByteBuffer bytes = array.toByteBuffer(true);
        ByteBuffer copy = ByteBuffer.allocate(bytes.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        copy.put(bytes).flip();
        return Tensor.of(DType.F32, copy, array.getShape().getShape());
    }
}
