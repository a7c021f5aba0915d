package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.llminspector.base.DType;
import org.llminspector.base.Tensor;
import org.llminspector.engine.onnx.GraphBuilder.Type;

/**
 * KernelProbe finds out whether MatMulNBits' fast kernel is at work here: where the CPU or the session's settings do not
 * allow it, ONNX Runtime silently takes the exact one.
 */
final class KernelProbe {

    private static final Map<String, Boolean> KNOWN = new ConcurrentHashMap<>();

    private KernelProbe() {}

    /** Whether activations are rounded to 8 bits: whether a product shows it. */
    static boolean rounds(int bits, int block) {
        return KNOWN.computeIfAbsent(bits + "/" + block, k -> probe(bits, block));
    }

    private static boolean probe(int bits, int block) {
        int rows = 16;
        byte[] codes = new byte[rows * block * bits / 8];
        for (int i = 0; i < codes.length; i++) codes[i] = (byte) (i * 37 + 11);
        float[] scales = new float[rows];
        java.util.Arrays.fill(scales, 0.01f);
        float[] x = new float[block];
        for (int i = 0; i < block; i++) x[i] = (float) Math.sin(i * 1.7 + 0.3);
        GraphBuilder graph = new GraphBuilder();
        try (OnnxWeights weights = new OnnxWeights(null)) {
            weights.hold("codes", Tensor.of(DType.U8, java.nio.ByteBuffer.wrap(codes), rows, 1, codes.length / rows));
            weights.hold("scales", Tensor.of(scales, rows, 1));
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
            try (OpenGraph open = new OpenGraph(Graph.of(graph, out[1]), weights, 1, false);
                    Feed feed = new Feed()) {
                feed.floats("x", x, 1, 1, block);
                try (OrtSession.Result result = open.run(feed.inputs(), Set.of(out), Map.of())) {
                    float[] exact = values(result, out[0], rows);
                    float[] fast = values(result, out[1], rows);
                    float most = 0;
                    for (int i = 0; i < rows; i++) most = Math.max(most, Math.abs(exact[i] - fast[i]));
                    return most > 1e-5f;
                }
            }
        }
    }

    private static float[] values(OrtSession.Result result, String name, int n) {
        float[] values = new float[n];
        ((OnnxTensor) result.get(name).orElseThrow()).getFloatBuffer().get(values);
        return values;
    }
}
