package org.llminspector.engine.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Precision;
import org.llminspector.family.Weights;

/**
 * TorchWeights holds a model's parameters as NDArrays: FP32 files on CPU are used where they lie (mapped, no copy),
 * BF16 is upcast on the way in, for a BF16 NDArray aborts the JVM.
 */
final class TorchWeights implements AutoCloseable {

    /** A norm's parameters; bias is null for RMSNorm. */
    record NormWeights(NDArray weight, NDArray bias) {}

    /** One block's parameters; absent ones are null. {@code in} is gate and in, or in alone. */
    record Block(
            NormWeights ln1,
            NormWeights ln1Post,
            NormWeights ln2,
            NormWeights ln2Post,
            LinearGroup qkv,
            Linear o,
            NDArray qNorm,
            NDArray kNorm,
            LinearGroup in,
            Linear out) {}

    private final Weights weights;
    private final NDManager manager;
    private final DataType matrixType;
    private final boolean cuda;
    private final Map<String, NDArray> all = new LinkedHashMap<>();
    private long bytes;

    final NDArray embed; // [vocab, d_model]
    final NDArray posEmbed; // [context, d_model] or null
    final List<Block> blocks = new ArrayList<>();
    final NormWeights lnFinal;
    final Linear unembed; // [vocab, d_model]

    TorchWeights(Weights weights, NDManager manager, Precision precision) {
        this.weights = weights;
        this.manager = manager;
        this.matrixType = precision == Precision.FP16 ? DataType.FLOAT16 : DataType.FLOAT32;
        this.cuda = !manager.getDevice().equals(Device.cpu());
        embed = array("embed.weight", matrixType);
        posEmbed = optional("pos_embed.weight");
        for (int i = 0; i < weights.spec().nLayers(); i++) {
            String b = "blocks." + i + ".";
            blocks.add(new Block(
                    norm(b + "ln1"),
                    norm(b + "ln1_post"),
                    norm(b + "ln2"),
                    norm(b + "ln2_post"),
                    new LinearGroup(List.of(linear(b + "attn.q"), linear(b + "attn.k"), linear(b + "attn.v"))),
                    linear(b + "attn.o"),
                    optional(b + "attn.q_norm.weight"),
                    optional(b + "attn.k_norm.weight"),
                    new LinearGroup(
                            weights.has(b + "mlp.gate.weight")
                                    ? List.of(linear(b + "mlp.gate"), linear(b + "mlp.in"))
                                    : List.of(linear(b + "mlp.in"))),
                    linear(b + "mlp.out")));
        }
        lnFinal = norm("ln_final");
        unembed = weights.spec().tied() ? new Linear(embed, null, cuda) : linear("unembed");
    }

    /** Every weight by its canonical name, as it was loaded. */
    Map<String, NDArray> all() {
        return Collections.unmodifiableMap(all);
    }

    long bytes() {
        return bytes;
    }

    private Linear linear(String name) {
        if (!weights.has(name + ".weight")) return null;
        return new Linear(array(name + ".weight", matrixType), optional(name + ".bias"), cuda);
    }

    private NormWeights norm(String name) {
        NDArray weight = optional(name + ".weight");
        return weight == null ? null : new NormWeights(weight, optional(name + ".bias"));
    }

    private NDArray optional(String name) {
        return weights.has(name) ? array(name, DataType.FLOAT32) : null;
    }

    private NDArray array(String name, DataType type) {
        Tensor tensor = weights.get(name);
        NDArray array = raw(manager, name, tensor);
        if (array.getDataType() != type) {
            NDArray cast = array.toType(type, true);
            array.close();
            array = cast;
            if (type == DataType.FLOAT16) refuseOverflow(name, array);
        }
        all.put(name, array);
        bytes += array.size() * array.getDataType().getNumOfBytes();
        return array;
    }

    private static void refuseOverflow(String name, NDArray array) {
        try (NDArray infinite = array.isInfinite();
                NDArray any = infinite.any()) {
            if (any.getBoolean()) {
                throw Problem.unsupported("a weight does not fit FP16")
                        .where("tensor " + name)
                        .expected("values up to 65,504")
                        .found("larger ones")
                        .instead("open the model with precision fp32");
            }
        }
    }

    /** An NDArray over a plain tensor: the file's own bytes where the format allows. */
    static NDArray raw(NDManager manager, String name, Tensor tensor) {
        Shape shape = new Shape(tensor.shape());
        return switch (tensor.dtype()) {
            case F32 -> manager.create(direct(tensor.data()), shape, DataType.FLOAT32);
            case F16 -> manager.create(direct(tensor.data()), shape, DataType.FLOAT16);
            case F64, BF16, F8_E4M3, F8_E5M2 -> manager.create(tensor.upcast().data(), shape, DataType.FLOAT32);
            default ->
                throw Problem.unsupported("a weight has a number format that is no float")
                        .where("tensor " + name)
                        .expected("F64, F32, F16, BF16, F8_E4M3 or F8_E5M2")
                        .found(tensor.dtype());
        };
    }

    private static ByteBuffer direct(ByteBuffer data) {
        if (data.isDirect()) return data;
        return ByteBuffer.allocateDirect(data.remaining())
                .order(ByteOrder.LITTLE_ENDIAN)
                .put(data)
                .flip();
    }

    @Override
    public void close() {
        manager.close();
    }
}
