package org.llminspector.engine.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.QuantizedTensor;

/** Encodings makes the tensors that low-precision operators read, each once for all graphs of a model. */
final class Encodings {

    /** The formats of MatMulNBits that have been made, by weight and format: the same for every graph. */
    private final Map<String, Shape> shapes = new HashMap<>();

    private final OnnxWeights weights;

    private record Shape(int rows, int cols, int block) {}

    /**
     * Blocks is a weight for MatMulNBits: {@code w = scale (code - 2^(bits - 1))}.
     *
     * @param codes the initializer with the codes, U8 [rows, blocks, block * bits / 8]: two 4-bit codes a byte, low half
     *     first
     * @param scales the initializer with the scales, F32 [rows, blocks]
     */
    record Blocks(String codes, String scales, int rows, int cols, int bits, int block) {}

    /**
     * Channels is a weight for MatMulInteger: {@code w = scale code}.
     *
     * @param codes the initializer with the codes, I8 [cols, rows]
     * @param scales the initializer with the scales, F32 [rows]
     */
    record Channels(String codes, String scales) {}

    Encodings(OnnxWeights weights) {
        this.weights = weights;
    }

    OnnxWeights weights() {
        return weights;
    }

    /** A weight rounded to FP16 and upcast again. */
    String halves(GraphBuilder graph, String name) {
        return weights.declare(
                graph, name + "@fp16", () -> quantize(name, "fp16").decode().reshaped(shape(name)));
    }

    private long[] shape(String name) {
        return weights.read(name).shape();
    }

    /** A scale an output channel: scheme int8-channel. */
    Channels channels(GraphBuilder graph, String name) {
        String codes = name + "@int8.codes";
        String scales = name + "@int8.scales";
        if (!weights.holds(codes)) {
            QuantizedTensor q = quantize(name, "int8-channel");
            weights.hold(codes, q.codes().transposed());
            weights.hold(scales, q.scales().reshaped(q.rows()));
        }
        return new Channels(weights.declare(graph, codes), weights.declare(graph, scales));
    }

    /** A scale a block: scheme intBITS-gSIZE. */
    synchronized Blocks blocks(GraphBuilder graph, String name, int bits, int size) {
        String format = name + "@int" + bits + "-g" + size;
        Shape shape = shapes.computeIfAbsent(format, f -> {
            QuantizedTensor q = quantize(name, "int" + bits + "-g" + size);
            weights.hold(f + ".codes", pack(q, bits, size));
            weights.hold(f + ".scales", q.scales());
            return new Shape(q.rows(), q.cols(), size);
        });
        return new Blocks(
                weights.declare(graph, format + ".codes"),
                weights.declare(graph, format + ".scales"),
                shape.rows(),
                shape.cols(),
                bits,
                shape.block());
    }

    private QuantizedTensor quantize(String name, String scheme) {
        return QuantScheme.of(scheme).quantize(weights.read(name), "tensor " + name);
    }

    /** Signed codes as MatMulNBits has them: unsigned, side by side, each row's last block filled up with zeros. */
    private static Tensor pack(QuantizedTensor q, int bits, int size) {
        int blocks = q.groups();
        int blockBytes = size * bits / 8;
        int middle = 1 << (bits - 1);
        ByteBuffer codes = q.codes().data();
        ByteBuffer out = ByteBuffer.allocateDirect(Math.multiplyExact(q.rows() * blocks, blockBytes))
                .order(ByteOrder.LITTLE_ENDIAN);
        for (int r = 0; r < q.rows(); r++) {
            for (int c = 0; c < blocks * size; c++) {
                int code = middle + (c < q.cols() ? codes.get(r * q.cols() + c) : 0);
                int at = r * blocks * blockBytes + c * bits / 8;
                if (bits == 8) out.put(at, (byte) code);
                else out.put(at, (byte) (c % 2 == 0 ? code : (out.get(at) & 0xF) | (code << 4)));
            }
        }
        return Tensor.of(DType.U8, out, q.rows(), blocks, blockBytes);
    }
}
