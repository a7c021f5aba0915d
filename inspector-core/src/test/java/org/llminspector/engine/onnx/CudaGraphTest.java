package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.layer.Encodings;
import org.llminspector.engine.onnx.layer.GraphWriter;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** The graphs that are written for CUDA: of what they are made, and what the CPU, and a GPU where there is one, computes by them. */
class CudaGraphTest {

    private static final Target CUDA = CudaGraphs.TARGET;
    private static final Target CPU = Target.cpu(2);

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

    static Stream<Arguments> goldensAndTargets() {
        return withTargets(goldens());
    }

    static Stream<Arguments> familiesAndTargets() {
        return withTargets(Golden.in(Golden.ROOT));
    }

    static Stream<Arguments> fewBitsAndTargets() {
        return withTargets(List.of(Precision.INT8, Precision.INT8_WEIGHT, Precision.INT4_32, Precision.INT4_128));
    }

    static Stream<Arguments> kernelsAndTargets() {
        return withTargets(List.of(Precision.INT8_WEIGHT, Precision.INT4_32, Precision.INT4_128));
    }

    private static Stream<Arguments> withTargets(List<?> cases) {
        return CudaGraphs.targets().stream().flatMap(t -> cases.stream().map(c -> arguments(c, t)));
    }

    /** In one pass, and with the cache but where rotations depend on how much a pass reads, as in two of the odd ones. */
    @ParameterizedTest
    @MethodSource("goldensAndTargets")
    void fp32IsThatOfTheGoldens(Path dir, Target target) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, target, PrecisionPlan.of(Precision.FP32))) {
            int[] ids = g.ids("input_ids");
            List<Integer> firsts = dir.startsWith(Golden.ODD) ? List.of(ids.length) : List.of(ids.length, 3);
            for (boolean hooked : new boolean[] {false, true}) {
                for (int first : firsts) {
                    assertThat(Golden.maxAbsDiff(Golden.logits(cuda, ids, first, hooked), g.values("logits")))
                            .isLessThanOrEqualTo(g.tolerance("logits"));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("goldensAndTargets")
    void fp16IsNearTheGoldensButNotFp32(Path dir, Target target) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, target, PrecisionPlan.of(Precision.FP16))) {
            g.holdsInFp16(cuda);
        }
    }

    /** One position after the other, the cache in FP16: at most 0.0081 of a logit was measured on the CPU. */
    @ParameterizedTest
    @MethodSource("familiesAndTargets")
    void fp16InPiecesIsFp16InOnePass(Path dir, Target target) {
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, target, PrecisionPlan.of(Precision.FP16))) {
            int[] ids = g.ids("input_ids");
            for (boolean hooked : new boolean[] {false, true}) {
                float[] whole = Golden.logits(cuda, ids, ids.length, hooked);
                assertThat(Golden.maxAbsDiff(Golden.logits(cuda, ids, 3, hooked), whole))
                        .isLessThan(0.02);
            }
        }
    }

    /** W8A8 has other operators but the same integers, the exact kernel of few bits has the same decoded weights. */
    @ParameterizedTest
    @MethodSource("fewBitsAndTargets")
    void fewBitsAreThoseOfTheCpu(Precision precision, Target target) {
        for (String model : List.of("llama", "gpt2", "gemma3", "qwen3")) {
            try (Golden g = new Golden(Golden.ROOT.resolve(model), Kind.ONNX)) {
                // Only the CPU reads rows of a tied table from its few bits: there both keep it in floats.
                List<PrecisionPlan.Part> floats = g.weights.spec().tied()
                        ? List.of(new PrecisionPlan.Part("unembed", Precision.FP32, null))
                        : List.of();
                fewBitsAreThoseOfTheCpu(g, target, new PrecisionPlan(precision, Kernel.EXACT, floats));
            }
        }
    }

    private static void fewBitsAreThoseOfTheCpu(Golden g, Target target, PrecisionPlan exact) {
        try (OnnxEngine cuda = OnnxEngine.open(g.weights, target, exact);
                OnnxEngine cpu = OnnxEngine.open(g.weights, CPU, exact)) {
            int[] ids = g.ids("input_ids");
            for (boolean hooked : new boolean[] {false, true}) {
                float[] expected = Golden.logits(cpu, ids, ids.length, hooked);
                float[] logits = Golden.logits(cuda, ids, ids.length, hooked);
                if (exact.standard().weightOnly()) {
                    assertThat(Golden.maxAbsDiff(logits, expected)).isLessThan(2e-4);
                } else { // a last bit of float32 may tip a code over
                    double apart = Golden.kl(expected, logits, cuda.spec().vocab());
                    double fromFp32 =
                            Golden.kl(g.values("logits"), logits, cuda.spec().vocab());
                    assertThat(apart).isLessThan(fromFp32 / 5);
                }
            }
        }
    }

    /** Activations, scales and the cache are in FP16: at most 0.14 of a logit was measured on the CPU, and 8.7e-5 nats. */
    @ParameterizedTest
    @MethodSource("kernelsAndTargets")
    void theFastKernelOfFewBitsIsNearTheExactOne(Precision precision, Target target) {
        for (Path dir : Golden.in(Golden.ROOT)) {
            PrecisionPlan fast = new PrecisionPlan(precision, Kernel.FAST, null);
            PrecisionPlan exact = new PrecisionPlan(precision, Kernel.EXACT, null);
            try (Golden g = new Golden(dir, Kind.ONNX);
                    OnnxEngine quick = OnnxEngine.open(g.weights, target, fast);
                    OnnxEngine slow = OnnxEngine.open(g.weights, target, exact)) {
                int[] ids = g.ids("input_ids");
                for (boolean hooked : new boolean[] {false, true}) {
                    float[] expected = Golden.logits(slow, ids, ids.length, hooked);
                    for (int first : new int[] {ids.length, 3}) {
                        float[] logits = Golden.logits(quick, ids, first, hooked);
                        assertThat(Golden.maxAbsDiff(logits, expected)).isBetween(1e-4, 0.3);
                        assertThat(Golden.kl(expected, logits, quick.spec().vocab()))
                                .isLessThan(2e-4);
                    }
                }
            }
        }
    }

    /** A cache's codes are made by operators that CUDA has, and are those of the CPU's graph. */
    @ParameterizedTest
    @MethodSource("familiesAndTargets")
    void aCacheOfCodesIsThatOfTheCpu(Path dir, Target target) {
        PrecisionPlan codes =
                PrecisionPlan.of(Precision.FP32).withKvFormats(new KvFormats(KvFormat.INT8, KvFormat.FP16));
        try (Golden g = new Golden(dir, Kind.ONNX);
                OnnxEngine cuda = OnnxEngine.open(g.weights, target, codes);
                OnnxEngine cpu = OnnxEngine.open(g.weights, CPU, codes)) {
            int[] ids = g.ids("input_ids");
            for (boolean hooked : new boolean[] {false, true}) {
                float[] expected = Golden.logits(cpu, ids, ids.length, hooked);
                float[] logits = Golden.logits(cuda, ids, ids.length, hooked);
                // A last bit of float32 may tip a code over.
                double fromFp32 = Golden.maxAbsDiff(g.values("logits"), expected);
                assertThat(Golden.maxAbsDiff(logits, expected)).isLessThan(fromFp32 / 2);
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

            Graph seen = hooked(w, CUDA, Precision.FP16);
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
                assertThat(ON_CUDA).containsAll(hooked(w, CUDA, p).operators());
            }
        }
    }

    private static Graph fast(Weights w, Target target, Precision precision) {
        return fast(w, target, PrecisionPlan.of(precision));
    }

    private static Graph fast(Weights w, Target target, PrecisionPlan plan) {
        try (OnnxWeights weights = new OnnxWeights(w)) {
            return GraphWriter.fused(w.spec(), new Encodings(weights, target), plan, target);
        }
    }

    private static Graph hooked(Weights w, Target target, Precision precision) {
        try (OnnxWeights weights = new OnnxWeights(w)) {
            PrecisionPlan plan = PrecisionPlan.of(precision);
            return GraphWriter.hooked(
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
}
