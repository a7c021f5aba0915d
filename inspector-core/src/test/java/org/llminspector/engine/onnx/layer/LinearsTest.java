package org.llminspector.engine.onnx.layer;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.KernelProbe;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.quant.QuantScheme;

/** Weights of few bits: what they decode to, and each product against the same arithmetic in plain Java. */
public class LinearsTest {

    private static final int POSITIONS = 5;
    private static final Target CPU = Target.cpu(1);
    /** What is written for CUDA, run by the CPU. */
    private static final Target CUDA = new Target(null, true, 1);

    @ParameterizedTest
    @CsvSource({"INT8_WEIGHT,8,128", "INT4_32,4,32", "INT4_128,4,128"})
    void packedCodesDecodeToTheSchemesValues(Precision precision, int bits, int size) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxWeights weights = new OnnxWeights(Family.open(checkpoint))) {
            Encodings encodings = new Encodings(weights, CPU);
            for (String module : PrecisionPlan.modules(Family.open(checkpoint).spec())) {
                String name = module + ".weight";
                if (!weights.has(name)) continue;
                float[] decoded =
                        decoded(encodings.blocks(new GraphBuilder(), List.of(name), bits, size, false), weights);
                assertThat(decoded)
                        .as(module)
                        .isEqualTo(QuantScheme.of("int" + bits + "-g" + size)
                                .quantize(weights.read(name), name)
                                .decode()
                                .toFloats());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"true,0", "false,128"})
    void channelCodesDecodeToTheSchemesValues(boolean signed, int zeroPoint) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxWeights weights = new OnnxWeights(Family.open(checkpoint))) {
            String name = "blocks.1.mlp.in.weight";
            Encodings.Channels w = new Encodings(weights, () -> signed).channels(new GraphBuilder(), List.of(name));
            Tensor codes = weights.tensor(w.codes());
            Tensor scales = weights.tensor(w.scales());
            float[] expected = QuantScheme.of("int8-channel")
                    .quantize(weights.read(name), name)
                    .decode()
                    .toFloats();
            int rows = (int) codes.shape()[1];
            int cols = (int) codes.shape()[0];
            for (int i = 0; i < expected.length; i++) {
                float w8 = (float) scales.get(i / cols)
                        * ((float) codes.get((long) (i % cols) * rows + i / cols) - zeroPoint);
                assertThat(w8).isEqualTo(expected[i]);
            }
        }
    }

    /** With unsigned weights on every CPU; with signed ones where they are exact, and as CUDA has them. */
    @ParameterizedTest
    @CsvSource({
        "true,true,false",
        "true,false,false",
        "false,true,false",
        "false,false,false",
        "true,true,true",
        "false,true,true"
    })
    void integerProductsAreThoseOfPlainJava(boolean fast, boolean mayBeSigned, boolean cuda) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxWeights weights = new OnnxWeights(Family.open(checkpoint))) {
            String module = "blocks.0.mlp.out"; // [64, 172]
            float[] x = activations(172);
            java.util.Arrays.fill(x, 172, 344, 0f); // a position of nothing but zeros
            Encodings encodings = cuda
                    ? new Encodings(weights, CUDA)
                    : new Encodings(weights, () -> mayBeSigned && KernelProbe.multipliesSignedExactly());
            PrecisionPlan plan = PrecisionPlan.of(Precision.INT8);
            float[] y = product(encodings, plan, cuda ? CUDA : CPU, module, x, 172, fast);
            var w = QuantScheme.of("int8-channel").quantize(weights.read(module + ".weight"), module);
            Tensor codes = w.codes();
            for (int p = 0; p < POSITIONS; p++) {
                float most = 0;
                for (int k = 0; k < 172; k++) most = Math.max(most, Math.abs(x[p * 172 + k]));
                float scale = Math.max(most, Float.MIN_NORMAL);
                for (int n = 0; n < 64; n++) {
                    int sum = 0;
                    for (int k = 0; k < 172; k++) {
                        int code = (int) Math.rint(x[p * 172 + k] / scale / Linears.STEP);
                        sum += code * (int) codes.get(n * 172L + k);
                    }
                    float expected = sum * (Linears.STEP * (float) w.scales().get(n)) * scale;
                    assertThat(y[p * 64 + n]).isEqualTo(expected);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "INT8_WEIGHT,EXACT,8,128",
        "INT8_WEIGHT,FAST,8,128",
        "INT4_32,EXACT,4,32",
        "INT4_32,FAST,4,32",
        "INT4_128,EXACT,4,128",
        "INT4_128,FAST,4,128"
    })
    void blockProductsAreThoseOfPlainJava(Precision precision, Kernel kernel, int bits, int size) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxWeights weights = new OnnxWeights(Family.open(checkpoint))) {
            String module = "blocks.0.mlp.out"; // [64, 172]: the last block of a row is not full
            float[] x = activations(172);
            PrecisionPlan plan = new PrecisionPlan(precision, kernel, List.of());
            boolean rounds = kernel == Kernel.FAST && KernelProbe.rounds(bits, size);
            float[] expected = blockProduct(weights, module, x, 172, bits, size, rounds);
            float[] exact = blockProduct(weights, module, x, 172, bits, size, false);
            for (boolean fast : new boolean[] {true, false}) {
                float[] y = product(new Encodings(weights, CPU), plan, CPU, module, x, 172, fast);
                assertThat(Golden.maxAbsDiff(y, expected)).isLessThan(1e-5);
                // Both forms really use the kernel that they say: the other's products are far away.
                if (rounds) assertThat(Golden.maxAbsDiff(y, exact)).isGreaterThan(1e-3);
            }
        }
    }

    /** ONNX's own recipe takes one scale for all positions: our test of leaks would see it. */
    @Test
    void oneScaleForAllPositionsLeaksAndOursDoesNot() {
        float[] x = activations(172);
        float[] changed = x.clone();
        java.util.Arrays.fill(changed, 4 * 172, 5 * 172, 100f);
        GraphBuilder graph = new GraphBuilder();
        String[] q = graph.node(
                "DynamicQuantizeLinear",
                new Attributes(),
                new boolean[] {true, true, true},
                graph.input("x", Type.FLOAT, 1, -1, 172));
        String leaky = graph.node("DequantizeLinear", q[0], q[1], q[2]);
        graph.output(leaky, Type.FLOAT);
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxWeights weights = new OnnxWeights(Family.open(checkpoint))) {
            float[] before = run(graph, leaky, weights, x, 172, true);
            float[] after = run(graph, leaky, weights, changed, 172, true);
            assertThat(java.util.Arrays.copyOf(after, 4 * 172)).isNotEqualTo(java.util.Arrays.copyOf(before, 4 * 172));
            for (Precision p : List.of(Precision.INT8, Precision.INT8_WEIGHT, Precision.INT4_32, Precision.INT4_128)) {
                before = product(
                        new Encodings(weights, CPU), PrecisionPlan.of(p), CPU, "blocks.0.mlp.out", x, 172, true);
                after = product(
                        new Encodings(weights, CPU), PrecisionPlan.of(p), CPU, "blocks.0.mlp.out", changed, 172, true);
                assertThat(java.util.Arrays.copyOf(after, 4 * 64)).isEqualTo(java.util.Arrays.copyOf(before, 4 * 64));
            }
        }
    }

    /** What decoded weights give; with activations rounded to int8, block by block, when the kernel does so. */
    private static float[] blockProduct(
            OnnxWeights weights, String module, float[] x, int in, int bits, int size, boolean rounds) {
        float[] w = QuantScheme.of("int" + bits + "-g" + size)
                .quantize(weights.read(module + ".weight"), module)
                .decode()
                .toFloats();
        float[] a = x.clone();
        for (int p = 0; rounds && p < POSITIONS; p++) {
            for (int from = 0; from < in; from += size) {
                int to = Math.min(in, from + size);
                float most = 0;
                for (int k = from; k < to; k++) most = Math.max(most, Math.abs(x[p * in + k]));
                float scale = most / 127;
                for (int k = from; k < to; k++) {
                    a[p * in + k] = scale * (float) Math.rint(x[p * in + k] * (1 / scale));
                }
            }
        }
        int out = w.length / in;
        float[] y = new float[POSITIONS * out];
        for (int i = 0; i < y.length; i++) {
            double sum = 0;
            for (int k = 0; k < in; k++) sum += (double) a[i / out * in + k] * w[i % out * in + k];
            y[i] = (float) sum;
        }
        return y;
    }

    private static float[] product(
            Encodings encodings, PrecisionPlan plan, Target target, String module, float[] x, int in, boolean fast) {
        GraphBuilder graph = new GraphBuilder();
        Linears linears = new Linears(graph, encodings, plan, target, false);
        String y = linears.write(graph.input("x", Type.FLOAT, 1, -1, in), module);
        graph.output(y, Type.FLOAT);
        return run(graph, y, encodings.weights(), x, in, fast);
    }

    private static float[] run(GraphBuilder graph, String y, OnnxWeights weights, float[] x, int in, boolean fast) {
        try (OpenGraph open = new OpenGraph(Graph.of(graph, y), weights, CPU, fast);
                Feed feed = new Feed()) {
            feed.floats("x", x, 1, POSITIONS, in);
            try (OrtSession.Result result = open.run(feed.inputs(), Set.of(y), Map.of())) {
                OnnxTensor tensor = (OnnxTensor) result.get(y).orElseThrow();
                float[] values = new float[(int) tensor.getInfo().getNumElements()];
                tensor.getFloatBuffer().get(values);
                return values;
            }
        }
    }

    private static float[] decoded(Encodings.Blocks w, OnnxWeights weights) {
        Tensor codes = weights.tensor(w.codes());
        Tensor scales = weights.tensor(w.scales());
        int blocks = (w.cols() + w.block() - 1) / w.block();
        float[] out = new float[w.rows() * w.cols()];
        for (int i = 0; i < out.length; i++) {
            int r = i / w.cols();
            int c = i % w.cols();
            int at = r * blocks * w.block() + c;
            int code = w.bits() == 8 ? (int) codes.get(at) : ((int) codes.get(at / 2) >> (4 * (c % 2))) & 0xF;
            out[i] = (float) scales.get(r * blocks + c / w.block()) * (code - (1 << (w.bits() - 1)));
        }
        return out;
    }

    private static float[] activations(int in) {
        Random random = new Random(7);
        float[] x = new float[POSITIONS * in];
        for (int i = 0; i < x.length; i++) x[i] = (float) random.nextGaussian();
        return x;
    }
}
