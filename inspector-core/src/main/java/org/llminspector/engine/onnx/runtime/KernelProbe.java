package org.llminspector.engine.onnx.runtime;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;

/**
 * Probe of ONNX Runtime's kernels, which it selects by the CPU without reporting it: whether MatMulNBits uses its int8
 * kernel, and whether MatMulInteger is exact for unsigned by signed products.
 */
public final class KernelProbe {

    private static final Map<String, Boolean> KNOWN = new ConcurrentHashMap<>();

    private static final int DEPTH = 64;

    private KernelProbe() {}

    /** Whether MatMulNBits rounds activations to 8 bits, found by a test product. */
    public static boolean rounds(int bits, int block) {
        return KNOWN.computeIfAbsent(bits + "/" + block, k -> probe(bits, block));
    }

    /**
     * Whether MatMulInteger of U8 by I8 is exact: without VNNI, its sums of two products saturate at 16 bits. U8 by U8
     * is always exact, and slightly slower.
     */
    public static boolean multipliesSignedExactly() {
        return KNOWN.computeIfAbsent("u8 by i8", k -> signedProduct() == 255 * 127 * DEPTH);
    }

    private static int signedProduct() {
        byte[] activations = new byte[DEPTH];
        byte[] codes = new byte[DEPTH];
        Arrays.fill(activations, (byte) 255);
        Arrays.fill(codes, (byte) 127);
        GraphBuilder graph = new GraphBuilder();
        try (OnnxWeights weights = new OnnxWeights(null)) {
            weights.add("activations", Tensor.of(DType.U8, ByteBuffer.wrap(activations), 1, DEPTH));
            weights.add("codes", Tensor.of(DType.I8, ByteBuffer.wrap(codes), DEPTH, 1));
            String start = graph.input("start", Type.INT64, 1);
            // One operand is not constant: a product of constants would be folded, with another kernel.
            String x = graph.node("Slice", weights.declare(graph, "activations"), start, graph.ints(1));
            String sum = graph.node("MatMulInteger", x, weights.declare(graph, "codes"));
            graph.output(sum, Type.INT32);
            try (OpenGraph open = new OpenGraph(Graph.of(graph, sum), weights, Target.cpu(1), true)) {
                return open.once(
                        feed -> feed.longs("start", new long[] {0}, 1),
                        Set.of(sum),
                        result -> OpenGraph.output(result, sum).getIntBuffer().get(0));
            }
        }
    }

    private static boolean probe(int bits, int block) {
        int rows = 16;
        byte[] codes = new byte[rows * block * bits / 8];
        for (int i = 0; i < codes.length; i++) codes[i] = (byte) (i * 37 + 11);
        float[] scales = new float[rows];
        Arrays.fill(scales, 0.01f);
        float[] x = new float[block];
        for (int i = 0; i < block; i++) x[i] = (float) Math.sin(i * 1.7 + 0.3);
        GraphBuilder graph = new GraphBuilder();
        try (OnnxWeights weights = new OnnxWeights(null)) {
            weights.add("codes", Tensor.of(DType.U8, ByteBuffer.wrap(codes), rows, 1, codes.length / rows));
            weights.add("scales", Tensor.of(scales, rows, 1));
            String in = graph.input("x", Type.FLOAT, 1, -1, block);
            String[] out = new String[2];
            for (int i = 0; i < 2; i++) {
                Attributes attributes = new Attributes()
                        .with("K", block)
                        .with("N", rows)
                        .with("bits", bits)
                        .with("block_size", block)
                        .with("accuracy_level", i * 4L);
                out[i] = graph.node(
                        "MatMulNBits",
                        attributes,
                        in,
                        weights.declare(graph, "codes"),
                        weights.declare(graph, "scales"));
                graph.output(out[i], Type.FLOAT);
            }
            try (OpenGraph open = new OpenGraph(Graph.of(graph, out[1]), weights, Target.cpu(1), false)) {
                return open.once(feed -> feed.floats("x", x, 1, 1, block), Set.of(out), result -> {
                    FloatBuffer exact = OpenGraph.output(result, out[0]).getFloatBuffer();
                    FloatBuffer fast = OpenGraph.output(result, out[1]).getFloatBuffer();
                    float most = 0;
                    for (int i = 0; i < rows; i++) most = Math.max(most, Math.abs(exact.get(i) - fast.get(i)));
                    return most > 1e-5f;
                });
            }
        }
    }
}
