package org.llminspector.engine.onnx;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.checkpoint.gguf.GgufRows;
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
     * @param scales the initializer with the scales, F32 or F16 [rows, blocks]
     */
    record Blocks(String codes, String scales, int rows, int cols, int bits, int block) {}

    /**
     * Channels is a weight for MatMulInteger: {@code w = scale (code - zero point)}.
     *
     * @param codes the initializer with the codes, [cols, rows]: I8 with zero point 0, or U8 with 128
     * @param zeroPoint the constant
     * @param scales the initializer with the scales, F32 [rows]
     */
    record Channels(String codes, String zeroPoint, String scales) {}

    private final BooleanSupplier signed;

    Encodings(OnnxWeights weights, Target target) {
        this(weights, target.cuda() ? () -> true : KernelProbe::multipliesSignedExactly);
    }

    /**
     * @param signed whether MatMulInteger's weights are I8
     */
    Encodings(OnnxWeights weights, BooleanSupplier signed) {
        this.weights = weights;
        this.signed = signed;
    }

    /** The same for a graph of another plan: what was made here is shared. Close its weights before these. */
    synchronized Encodings sharing() {
        Encodings other = new Encodings(weights.sharing(), signed);
        other.shapes.putAll(shapes);
        return other;
    }

    OnnxWeights weights() {
        return weights;
    }

    /** A weight rounded to FP16 and upcast again. */
    String halves(GraphBuilder graph, String name) {
        return weights.declare(
                graph, name + "@fp16", () -> quantize(name, "fp16").decode().reshaped(shape(name)));
    }

    /** A weight rounded to FP16, as it is. */
    String halfCodes(GraphBuilder graph, String name) {
        if (weights.read(name).dtype() == DType.F16) return weights.asInFile(graph, name);
        return weights.declare(graph, name + "@fp16.codes", () -> quantize(name, "fp16")
                .codes()
                .reshaped(shape(name)));
    }

    private long[] shape(String name) {
        return weights.read(name).shape();
    }

    /** A scale an output channel: scheme int8-channel. Several weights of one input lie one under the other. */
    Channels channels(GraphBuilder graph, List<String> names) {
        String name = String.join("+", names);
        String codes = name + "@int8.codes";
        String scales = name + "@int8.scales";
        if (!weights.holds(codes)) {
            List<QuantizedTensor> parts =
                    names.stream().map(n -> quantize(n, "int8-channel")).toList();
            Tensor transposed =
                    stacked(parts.stream().map(QuantizedTensor::codes)).transposed();
            weights.hold(codes, signed.getAsBoolean() ? transposed : unsigned(transposed));
            weights.hold(scales, stacked(parts.stream().map(q -> q.scales().reshaped(q.rows()))));
        }
        String zeroPoint = signed.getAsBoolean() ? graph.small(Type.INT8, 0) : graph.small(Type.UINT8, 128);
        return new Channels(weights.declare(graph, codes), zeroPoint, weights.declare(graph, scales));
    }

    /** Tensors that differ in nothing but their rows, as one. */
    private static Tensor stacked(Stream<Tensor> tensors) {
        List<Tensor> parts = tensors.toList();
        if (parts.size() == 1) return parts.get(0);
        long[] shape = parts.get(0).shape().clone();
        shape[0] = parts.stream().mapToLong(t -> t.shape()[0]).sum();
        int bytes = Math.toIntExact(parts.stream().mapToLong(Tensor::byteSize).sum());
        ByteBuffer all = ByteBuffer.allocateDirect(bytes).order(ByteOrder.LITTLE_ENDIAN);
        parts.forEach(t -> all.put(t.data()));
        return Tensor.of(parts.get(0).dtype(), all.flip(), shape);
    }

    private static Tensor unsigned(Tensor signed) {
        ByteBuffer from = signed.data();
        ByteBuffer to = ByteBuffer.allocateDirect(from.remaining()).order(ByteOrder.LITTLE_ENDIAN);
        while (from.hasRemaining()) to.put((byte) (from.get() + 128));
        return Tensor.of(DType.U8, to.flip(), signed.shape());
    }

    /**
     * A scale a block: the file's own blocks where it has Q4_0 or Q8_0, else scheme intBITS-gSIZE. Several weights of one
     * input lie one under the other.
     *
     * @param half whether the scales are rounded to FP16
     */
    synchronized Blocks blocks(GraphBuilder graph, List<String> names, int bits, int size, boolean half) {
        String format = String.join("+", names) + "@int" + bits + "-g" + size;
        Shape shape = shapes.computeIfAbsent(format, f -> make(f, names, bits, size));
        return new Blocks(
                weights.declare(graph, format + ".codes"),
                half ? halved(graph, format + ".scales") : weights.declare(graph, format + ".scales"),
                shape.rows(),
                shape.cols(),
                bits,
                shape.block());
    }

    private String halved(GraphBuilder graph, String scales) {
        return weights.declare(graph, scales + "@fp16", () -> {
            Tensor t = weights.held(scales);
            return QuantScheme.of("fp16").quantize(t, scales).codes().reshaped(t.shape());
        });
    }

    /** Whether these weights have blocks of one size, so that they can lie in one. */
    boolean alike(List<String> names, int bits, int size) {
        return size == type(bits).blockSize()
                || names.stream()
                                .map(n -> own(n, bits, size).isPresent())
                                .distinct()
                                .count()
                        == 1;
    }

    private Shape make(String format, List<String> names, int bits, int size) {
        List<Tensor> codes = new ArrayList<>();
        List<Tensor> scales = new ArrayList<>();
        int block = 0;
        int rows = 0;
        int cols = 0;
        for (String name : names) {
            GgufRows own = own(name, bits, size).orElse(null);
            block = own == null ? size : own.type().blockSize();
            QuantizedTensor q = own == null ? quantize(name, "int" + bits + "-g" + size) : null;
            Tensor c = own == null ? q.codes() : own.codes();
            codes.add(pack(c, bits, block));
            scales.add(own == null ? q.scales() : own.scales());
            rows += (int) c.shape()[0];
            cols = (int) c.shape()[1];
        }
        weights.hold(format + ".codes", stacked(codes.stream()));
        weights.hold(format + ".scales", stacked(scales.stream()));
        return new Shape(rows, cols, block);
    }

    private static GgmlType type(int bits) {
        return bits == 4 ? GgmlType.Q4_0 : GgmlType.Q8_0;
    }

    /** Q4_0 is int4 in blocks of 32, and Q8_0 int8 in blocks of 32: they are taken as they are, not rounded again. */
    private Optional<GgufRows> own(String name, int bits, int size) {
        if (bits == 4 && size != GgmlType.Q4_0.blockSize()) return Optional.empty();
        return weights.blocks(name, type(bits));
    }

    private QuantizedTensor quantize(String name, String scheme) {
        return QuantScheme.of(scheme).quantize(weights.read(name), "tensor " + name);
    }

    /** Signed codes as MatMulNBits has them: unsigned, side by side, each row's last block filled up with zeros. */
    private static Tensor pack(Tensor signed, int bits, int size) {
        int rows = (int) signed.shape()[0];
        int cols = (int) signed.shape()[1];
        int blocks = (cols + size - 1) / size;
        int blockBytes = size * bits / 8;
        ByteBuffer codes = signed.data();
        ByteBuffer out = ByteBuffer.allocateDirect(Math.multiplyExact(rows * blocks, blockBytes))
                .order(ByteOrder.LITTLE_ENDIAN);
        IntStream.range(0, rows).parallel().forEach(r -> {
            byte[] row = new byte[blocks * size];
            codes.get(r * cols, row, 0, cols);
            out.put(r * blocks * blockBytes, pack(row, bits));
        });
        return Tensor.of(DType.U8, out, rows, blocks, blockBytes);
    }

    private static byte[] pack(byte[] signed, int bits) {
        byte[] packed = new byte[signed.length * bits / 8];
        if (bits == 8) {
            for (int i = 0; i < packed.length; i++) packed[i] = (byte) (signed[i] + 128);
        } else {
            for (int i = 0; i < packed.length; i++)
                packed[i] = (byte) ((signed[2 * i] + 8) | ((signed[2 * i + 1] + 8) << 4));
        }
        return packed;
    }
}
