package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.GraphBuilder.Type;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/**
 * The graphs that are written for CUDA, run by the CPU: what they compute, and of what they are made. That a GPU computes
 * the same is not shown here.
 */
class CudaGraphTest {

    private static final Target CUDA = CudaGraphs.TARGET;
    private static final Target CPU = Target.cpu(2);
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    /** What ONNX Runtime 1.29 has kernels for on CUDA, in these graphs' number formats: it opened them all, without the CPU. */
    private static final Set<String> ON_CUDA = Set.of(
            "Abs",
            "Add",
            "Cast",
            "Concat",
            "Div",
            "FusedMatMul",
            "Gather",
            "Gelu",
            "GroupQueryAttention",
            "LayerNormalization",
            "MatMul",
            "MatMulInteger",
            "MatMulNBits",
            "Mul",
            "QuantizeLinear",
            "QuickGelu",
            "ReduceMax",
            "ReduceMean",
            "ReduceSum",
            "Relu",
            "Reshape",
            "Sigmoid",
            "SimplifiedLayerNormalization",
            "SkipLayerNormalization",
            "SkipSimplifiedLayerNormalization",
            "Softmax",
            "Split",
            "Sqrt",
            "Sub",
            "Tanh",
            "Transpose",
            "Where");

    static List<Path> goldens() {
        return Stream.of(Golden.ROOT, Golden.ODD)
                .flatMap(root -> Golden.in(root).stream())
                .toList();
    }

    static List<Path> families() {
        return Golden.in(Golden.ROOT);
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void fp32IsThatOfTheGoldens(Path dir) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP32))) {
            int[] ids = g.ids("input_ids");
            for (boolean tapped : new boolean[] {false, true}) {
                assertThat(Golden.maxAbsDiff(logits(cuda, ids, ids.length, tapped), g.values("logits")))
                        .isLessThanOrEqualTo(g.tolerance("logits"));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("families")
    void fp32InPiecesIsFp32InOnePass(Path dir) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP32))) {
            int[] ids = g.ids("input_ids");
            assertThat(Golden.maxAbsDiff(logits(cuda, ids, 3, false), g.values("logits")))
                    .isLessThanOrEqualTo(g.tolerance("logits"));
        }
    }

    /** The largest difference that was measured on these models is 0.087, and the largest KL 4.8e-5 nats. */
    @ParameterizedTest
    @MethodSource("goldens")
    void fp16IsNearTheGoldensButNotFp32(Path dir) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP16))) {
            int[] ids = g.ids("input_ids");
            for (boolean tapped : new boolean[] {false, true}) {
                float[] logits = logits(cuda, ids, ids.length, tapped);
                assertThat(Golden.maxAbsDiff(logits, g.values("logits"))).isBetween(1e-3, 0.2);
                assertThat(Golden.kl(g.values("logits"), logits, cuda.spec().vocab()))
                        .isLessThan(1e-4);
            }
        }
    }

    /** One position after the other, the cache in FP16: at most 0.0081 of a logit was measured. */
    @ParameterizedTest
    @MethodSource("families")
    void fp16InPiecesIsFp16InOnePass(Path dir) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP16))) {
            int[] ids = g.ids("input_ids");
            for (boolean tapped : new boolean[] {false, true}) {
                float[] whole = logits(cuda, ids, ids.length, tapped);
                assertThat(Golden.maxAbsDiff(logits(cuda, ids, 3, tapped), whole))
                        .isLessThan(0.02);
            }
        }
    }

    /** W8A8 has other operators but the same integers, the exact kernel of few bits has the same decoded weights. */
    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8", "INT8_WEIGHT", "INT4_32", "INT4_128"})
    void fewBitsAreThoseOfTheCpu(Precision precision) {
        for (String model : List.of("llama", "gpt2", "gemma3", "qwen3")) {
            PrecisionPlan exact = new PrecisionPlan(precision, Kernel.EXACT, null);
            try (Golden g = new Golden(Golden.ROOT.resolve(model), Kind.ONNX);
                    OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, exact);
                    OnnxEngine cpu = OnnxEngine.open(g.weights, CPU, exact)) {
                int[] ids = g.ids("input_ids");
                for (boolean tapped : new boolean[] {false, true}) {
                    float[] expected = logits(cpu, ids, ids.length, tapped);
                    float[] logits = logits(cuda, ids, ids.length, tapped);
                    if (precision.weightOnly()) {
                        assertThat(Golden.maxAbsDiff(logits, expected)).isLessThan(2e-4);
                    } else { // a last bit of float32 may tip a code over
                        double apart = Golden.kl(expected, logits, cuda.spec().vocab());
                        double fromFp32 = Golden.kl(
                                g.values("logits"), logits, cuda.spec().vocab());
                        assertThat(apart).isLessThan(fromFp32 / 5);
                    }
                }
            }
        }
    }

    /** Activations, scales and the cache are in FP16: at most 0.14 of a logit was measured, and 8.7e-5 nats. */
    @ParameterizedTest
    @EnumSource(
            value = Precision.class,
            names = {"INT8_WEIGHT", "INT4_32", "INT4_128"})
    void theFastKernelOfFewBitsIsNearTheExactOne(Precision precision) {
        for (Path dir : families()) {
            PrecisionPlan fast = new PrecisionPlan(precision, Kernel.FAST, null);
            PrecisionPlan exact = new PrecisionPlan(precision, Kernel.EXACT, null);
            try (Golden g = new Golden(dir, Kind.ONNX);
                    OnnxEngine quick = OnnxEngine.open(g.weights, CUDA, fast);
                    OnnxEngine slow = OnnxEngine.open(g.weights, CUDA, exact)) {
                int[] ids = g.ids("input_ids");
                for (boolean tapped : new boolean[] {false, true}) {
                    float[] expected = logits(slow, ids, ids.length, tapped);
                    for (int first : new int[] {ids.length, 3}) {
                        float[] logits = logits(quick, ids, first, tapped);
                        assertThat(Golden.maxAbsDiff(logits, expected)).isBetween(1e-4, 0.3);
                        assertThat(Golden.kl(expected, logits, quick.spec().vocab()))
                                .isLessThan(2e-4);
                    }
                }
            }
        }
    }

    @Test
    void theCacheIsInFp16() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"), Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP16));
                OnnxEngine cpu = OnnxEngine.open(g.weights, CPU, PrecisionPlan.of(Precision.FP16));
                Session half = cuda.begin(SessionRequest.plain(8));
                Session full = cpu.begin(SessionRequest.plain(8))) {
            half.append(new int[] {1, 2, 3});
            full.append(new int[] {1, 2, 3});
            assertThat(half.kvCache().dtype()).isEqualTo("F16");
            assertThat(half.kvCache().bytes() * 2).isEqualTo(full.kvCache().bytes());
            assertThat(half.kvCache().allocatedBytes() * 2)
                    .isEqualTo(full.kvCache().allocatedBytes());
            assertThat(cuda.info().arithmetic()).contains("fp16 matrix products", "KV cache in fp16");
            assertThat(cpu.info().arithmetic()).contains("fp32 arithmetic");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "gemma3"}) // with an unembedding of its own, and without
    void fp16HalvesTheWeights(String model) {
        try (Golden g = new Golden(Golden.ROOT.resolve(model), Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, CUDA, PrecisionPlan.of(Precision.FP16));
                OnnxEngine cpu = OnnxEngine.open(g.weights, CPU, PrecisionPlan.of(Precision.FP32))) {
            long half = cpu.info().weightBytes() / 2;
            // norms stay in FP32, and so does an embedding that is not the unembedding
            long table =
                    model.equals("llama") ? 2L * g.weights.get("embed.weight").size() : 0;
            assertThat(cuda.info().weightBytes()).isBetween(half, (half + table) * 102 / 100);
        }
    }

    @Test
    void thePrecisionDecidesOverTheOperators() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            Weights w = Family.open(checkpoint);
            Graph cpu = fast(w, CPU, Precision.FP32);
            assertThat(cpu.operators()).contains("GroupQueryAttention", "FusedMatMul");
            assertThat(cpu.inputs()).containsEntry("past_key.0", Type.FLOAT);
            assertThat(cpu.inPlace()).isTrue();
            assertThat(fast(w, CPU, Precision.FP16).inputs()).containsEntry("past_key.0", Type.FLOAT);
            assertThat(fast(w, CPU, Precision.INT8).operators()).contains("MatMulIntegerToFloat");

            Graph fp32 = fast(w, CUDA, Precision.FP32); // GroupQueryAttention is for 16 bits there
            assertThat(fp32.operators())
                    .contains("Softmax", "FusedMatMul", "SkipSimplifiedLayerNormalization")
                    .doesNotContain("GroupQueryAttention");
            assertThat(fp32.inputs()).containsEntry("past_key.0", Type.FLOAT);

            Graph fp16 = fast(w, CUDA, Precision.FP16);
            assertThat(fp16.operators()).contains("GroupQueryAttention", "Cast").doesNotContain("Softmax");
            assertThat(fp16.inputs())
                    .containsEntry("past_key.0", Type.FLOAT16)
                    .containsEntry("past_value.3", Type.FLOAT16)
                    .containsEntry("cos_table.0", Type.FLOAT16);
            assertThat(fp16.inPlace()).isTrue();

            Graph int8 = fast(w, CUDA, Precision.INT8);
            assertThat(int8.operators())
                    .contains("MatMulInteger", "Softmax")
                    .doesNotContain("MatMulIntegerToFloat", "GroupQueryAttention");
            PrecisionPlan few = PrecisionPlan.of(Precision.INT4_32);
            assertThat(fast(w, CUDA, few).operators())
                    .contains("MatMulNBits", "GroupQueryAttention")
                    .doesNotContain("Softmax");
            assertThat(fast(w, CUDA, few).inputs()).containsEntry("past_key.0", Type.FLOAT16);
            PrecisionPlan exact = new PrecisionPlan(Precision.INT4_32, Kernel.EXACT, null);
            assertThat(fast(w, CUDA, exact).operators())
                    .contains("MatMulNBits", "Softmax")
                    .doesNotContain("GroupQueryAttention");
            assertThat(fast(w, CUDA, exact).inputs()).containsEntry("past_key.0", Type.FLOAT);

            Graph seen = tapped(w, CUDA, Precision.FP16);
            assertThat(seen.operators()).contains("Softmax", "Cast").doesNotContain("GroupQueryAttention");
            assertThat(seen.inputs()).containsEntry("past_key.0", Type.FLOAT16);
        }
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ODD.resolve("qwen3"))) { // heads of 22
            Weights w = Family.open(checkpoint);
            Graph fp16 = fast(w, CUDA, Precision.FP16);
            assertThat(fp16.operators()).contains("Softmax").doesNotContain("GroupQueryAttention");
            assertThat(fp16.inputs()).containsEntry("past_key.0", Type.FLOAT16);
        }
    }

    @ParameterizedTest
    @MethodSource("goldens")
    void everyOperatorIsOneThatCudaHas(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            Weights w = Family.open(checkpoint);
            for (Precision p : Precision.values()) {
                if (p == Precision.BF16) continue;
                assertThat(ON_CUDA).containsAll(fast(w, CUDA, p).operators());
                assertThat(ON_CUDA).containsAll(tapped(w, CUDA, p).operators());
            }
        }
    }

    private static Graph fast(Weights w, Target target, Precision precision) {
        return fast(w, target, PrecisionPlan.of(precision));
    }

    private static Graph fast(Weights w, Target target, PrecisionPlan plan) {
        try (OnnxWeights weights = new OnnxWeights(w)) {
            return GraphWriter.fast(w.spec(), new Encodings(weights, target), plan, target);
        }
    }

    private static Graph tapped(Weights w, Target target, Precision precision) {
        try (OnnxWeights weights = new OnnxWeights(w)) {
            PrecisionPlan plan = PrecisionPlan.of(precision);
            return GraphWriter.tapped(
                    w.spec(), new Encodings(weights, target), plan, target, hooks(w, precision), Map.of());
        }
    }

    private static SortedSet<HookId> hooks(Weights w, Precision precision) {
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(w.spec()));
        if (precision != Precision.FP32 && precision != Precision.FP16) {
            all.removeIf(id -> id.point() == HookPoint.RESULT);
        }
        return all;
    }

    /** Of all positions: the first ones in one pass, each of the others in its own. */
    private static float[] logits(OnnxEngine engine, int[] ids, int first, boolean tapped) {
        try (Session s = engine.begin(
                new SessionRequest(ids.length, new TreeSet<>(List.of(LOGITS)), List.of(), List.of(), tapped))) {
            assertThat(s.form()).isEqualTo(tapped ? "tapped" : "fast");
            s.append(Arrays.copyOf(ids, first));
            for (int i = first; i < ids.length; i++) s.append(new int[] {ids[i]});
            return s.capture().get(LOGITS).toFloats();
        }
    }
}
