package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.pytorch.jni.JniUtils;
import java.util.stream.Stream;
import org.llminspector.engine.torch.libtorch.OneDnn;

/**
 * Weight matrix [out, in] with an optional bias [out].
 *
 * <p>FP16 weights on CPU: a single position multiplies in FP16 (half the bytes to read, and decoding is bound by memory
 * bandwidth); several positions multiply in FP32 with a temporarily upcast weight.
 */
record Linear(NDArray weight, NDArray bias, boolean halfAlways) {

    /** [batch, pos, in] to [batch, pos, out], float32 in and out. */
    NDArray apply(NDArray x) {
        if (weight.getDataType() == DataType.FLOAT32) return linear(x, weight, bias);
        if (halfAlways || x.getShape().size() == x.getShape().get(x.getShape().dimension() - 1)) {
            NDArray y = linear(x.toType(DataType.FLOAT16, false), weight, null).toType(DataType.FLOAT32, false);
            return bias == null ? y : y.add(bias);
        }
        return linear(x, weight.toType(DataType.FLOAT32, false), bias);
    }

    Stream<NDArray> arrays() {
        return bias == null ? Stream.of(weight) : Stream.of(weight, bias);
    }

    private static NDArray linear(NDArray x, NDArray weight, NDArray bias) {
        boolean quick = weight.getDataType() == DataType.FLOAT32 && OneDnn.serves(weight.getDevice());
        if (quick && !JniUtils.isGradMode()) return OneDnn.linear(x, weight, bias);
        return x.getNDArrayInternal().linear(x, weight, bias).head();
    }
}
