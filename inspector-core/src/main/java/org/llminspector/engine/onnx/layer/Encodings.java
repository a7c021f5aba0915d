package org.llminspector.engine.onnx.layer;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;
import org.llminspector.base.Bytes;
import org.llminspector.base.Conversion;
import org.llminspector.base.DType;
import org.llminspector.base.Parallel;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.gguf.GgmlType;
import org.llminspector.checkpoint.gguf.GgufRows;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.KernelProbe;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OnnxWeights.Made;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.QuantizedTensor;

/** Low-precision weights in the layouts of ONNX Runtime's operators, made once for all graphs of a model. */
public final class Encodings {

    /** Shapes of the MatMulNBits weights made so far, by weight and format. */
    private final Map<String, Shape> shapes = new HashMap<>();

    /** Codes unpacked at a time. */
    private static final int BAND = 1 << 18;

    private final OnnxWeights weights;

    private record Shape(int rows, int cols, int block) {}

    /**
     * A weight for MatMulNBits: {@code w = scale (code - 2^(bits - 1))}.
     *
     * @param codes the initializer with the codes, U8 [rows, blocks, block * bits / 8]: two 4-bit codes per byte, low
     *     half first
     * @param scales the initializer with the scales, F32 or F16 [rows, blocks]
     */
    public record Blocks(String codes, String scales, int rows, int cols, int bits, int block) {}

    /**
     * A weight for MatMulInteger: {@code w = scale (code - zero point)}.
     *
     * @param codes the initializer with the codes, [cols, rows]: I8 with zero point 0, or U8 with 128
     * @param zeroPoint the constant
     * @param scales the initializer with the scales, F32 [rows]
     */
    public record Channels(String codes, String zeroPoint, String scales) {}

    private final BooleanSupplier signed;

    public Encodings(OnnxWeights weights, Target target) {
        this(weights, target.cuda() ? () -> true : KernelProbe::multipliesSignedExactly);
    }

    /**
     * @param signed whether MatMulInteger's weights are I8
     */
    public Encodings(OnnxWeights weights, BooleanSupplier signed) {
        this.weights = weights;
        this.signed = signed;
    }

    /** Encodings for another plan, which share what was made here. Close its weights before these. */
    public synchronized Encodings sharing() {
        Encodings other = new Encodings(weights.sharing(), signed);
        other.shapes.putAll(shapes);
        return other;
    }

    public OnnxWeights weights() {
        return weights;
    }

    /** A weight rounded to FP16, in float32. */
    public String roundedToFp16(GraphBuilder graph, String name) {
        return weights.declare(
                graph,
                name + "@fp16",
                () -> made(DType.F32, name, rows -> fp16(rows, name).decode()));
    }

    /** A weight in FP16. */
    public String inFp16(GraphBuilder graph, String name) {
        return weights.declare(graph, name + "@fp16.codes", () -> {
            boolean there = weights.inFile(name) == DType.F16;
            return there
                    ? weights.read(name)
                    : made(DType.F16, name, rows -> fp16(rows, name).codes());
        });
    }

    private static QuantizedTensor fp16(Tensor rows, String name) {
        return QuantScheme.of("fp16").quantize(rows, "tensor " + name);
    }

    /** A tensor of a weight's shape, converted a band of rows at a time. */
    private Tensor made(DType dtype, String name, UnaryOperator<Tensor> of) {
        long[] shape = weights.source().shape(name);
        long row = Tensor.elements(shape) / Math.max(1, shape[0]) * dtype.bytes();
        Bytes out = Bytes.allocate(shape[0] * row);
        weights.source().bands(name, (first, rows) -> {
            Tensor part = of.apply(rows);
            part.bytes().copyTo(out, first * row);
            if (part != rows) part.free();
        });
        return Tensor.of(dtype, out, shape);
    }

    /** One scale per output channel: scheme int8-channel. Several weights with the same input are joined row-wise. */
    public Channels channels(GraphBuilder graph, List<String> names) {
        String name = String.join("+", names);
        String codes = name + "@int8.codes";
        String scales = name + "@int8.scales";
        if (!weights.hasEntry(codes)) makeChannels(names, codes, scales);
        String zeroPoint = signed.getAsBoolean() ? graph.small(Type.INT8, 0) : graph.small(Type.UINT8, 128);
        return new Channels(weights.declare(graph, codes), zeroPoint, weights.declare(graph, scales));
    }

    private void makeChannels(List<String> names, String codes, String scales) {
        boolean isSigned = signed.getAsBoolean();
        int cols = (int) weights.source().shape(names.get(0))[1];
        long rows = names.stream().mapToLong(n -> weights.source().shape(n)[0]).sum();
        Made ofCodes = new Made(codes, isSigned ? DType.I8 : DType.U8, cols, rows);
        Made ofScales = new Made(scales, DType.F32, rows);
        make(names, ofCodes, ofScales, (name, begin, code, scale) -> weights.source()
                .bands(name, (first, part) -> {
                    QuantizedTensor q = quantize(part, name, "int8-channel");
                    byte[] values = new byte[q.rows() * cols];
                    q.codes().data().get(values);
                    if (!isSigned) for (int i = 0; i < values.length; i++) values[i] += (byte) 128;
                    Tensor.transpose(values, q.rows(), cols, 1, begin + first, rows, code);
                    q.scales().bytes().copyTo(scale, (begin + first) * (long) Float.BYTES);
                }));
    }

    /** Writes one weight's codes and scales into those of the joined weights, from row {@code first} on. */
    private interface Encoder {
        void encode(String name, int first, Bytes codes, Bytes scales);
    }

    /** Adds the codes and scales of joined weights: those of an earlier opening, or new ones. */
    private void make(List<String> names, Made ofCodes, Made ofScales, Encoder encoder) {
        if (weights.prepared(names, ofCodes, ofScales)) return;
        Bytes codes = Bytes.allocate(ofCodes.bytes());
        Bytes scales = Bytes.allocate(ofScales.bytes());
        int first = 0;
        for (String name : names) {
            encoder.encode(name, first, codes, scales);
            first += (int) weights.source().shape(name)[0];
        }
        weights.keep(ofCodes, codes);
        weights.keep(ofScales, scales);
    }

    /**
     * One scale per block: the file's own blocks where it has Q4_0 or Q8_0, else scheme intBITS-gSIZE. Several weights
     * with the same input are joined row-wise.
     *
     * @param half whether the scales are rounded to FP16
     */
    public synchronized Blocks blocks(GraphBuilder graph, List<String> names, int bits, int size, boolean half) {
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
            Tensor t = weights.tensor(scales);
            Bytes half = Bytes.allocate(t.size() * DType.F16.bytes());
            Conversion.write(t, DType.F16, half);
            return Tensor.of(DType.F16, half, t.shape());
        });
    }

    /** Whether these weights have the same block size, so that they can be joined. */
    public boolean sameBlockSize(List<String> names, int bits, int size) {
        return size == type(bits).blockSize()
                || names.stream().map(n -> own(n, bits, size)).distinct().count() == 1;
    }

    private Shape make(String format, List<String> names, int bits, int size) {
        int cols = (int) weights.source().shape(names.get(0))[1];
        int rows = (int)
                names.stream().mapToLong(n -> weights.source().shape(n)[0]).sum();
        int block = own(names.get(0), bits, size) ? type(bits).blockSize() : size;
        int blocks = (cols + block - 1) / block;
        int blockBytes = block * bits / 8;
        long row = (long) blocks * blockBytes;
        Made ofCodes = new Made(format + ".codes", DType.U8, rows, blocks, blockBytes);
        Made ofScales = new Made(format + ".scales", DType.F32, rows, blocks);
        make(names, ofCodes, ofScales, (name, begin, codes, scales) -> {
            if (!own(name, bits, size)) {
                weights.source().bands(name, (first, part) -> {
                    QuantizedTensor q = quantize(part, name, "int" + bits + "-g" + size);
                    pack(q.codes(), q.scales(), bits, row, begin + first, codes, scales);
                });
                return;
            }
            int count = (int) weights.source().shape(name)[0];
            int band = Math.max(1, BAND / cols);
            Parallel.each((count + band - 1) / band, b -> {
                GgufRows own = weights.source().blocks(name, b * band, Math.min(count, (b + 1) * band));
                pack(own.codes(), own.scales(), bits, row, begin + b * band, codes, scales);
            });
        });
        return new Shape(rows, cols, block);
    }

    private static GgmlType type(int bits) {
        return bits == 4 ? GgmlType.Q4_0 : GgmlType.Q8_0;
    }

    /** Whether the file's blocks are used without rounding again: Q4_0 is int4, and Q8_0 int8, in blocks of 32. */
    private boolean own(String name, int bits, int size) {
        if (bits == 4 && size != GgmlType.Q4_0.blockSize()) return false;
        return weights.hasBlocks(name, type(bits));
    }

    private static QuantizedTensor quantize(Tensor rows, String name, String scheme) {
        return QuantScheme.of(scheme).quantize(rows, "tensor " + name);
    }

    /**
     * Packs rows of signed codes in MatMulNBits' layout: unsigned, consecutive, each row's last block padded with
     * zeros.
     *
     * @param row bytes of a packed row
     * @param first index of the first row in the joined weight
     */
    private static void pack(Tensor signed, Tensor scale, int bits, long row, int first, Bytes codes, Bytes scales) {
        int rows = (int) signed.shape()[0];
        int cols = (int) signed.shape()[1];
        byte[] padded = new byte[(int) row * 8 / bits];
        for (int r = 0; r < rows; r++) {
            signed.bytes().get((long) r * cols, padded, 0, cols);
            codes.put((first + r) * row, pack(padded, bits), 0, (int) row);
        }
        scale.bytes().copyTo(scales, scale.byteSize() / Math.max(1, rows) * first);
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
