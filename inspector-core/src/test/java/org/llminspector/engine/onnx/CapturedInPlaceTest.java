package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.engine.onnx.layer.Encodings;
import org.llminspector.engine.onnx.layer.GraphWriter;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.OnnxDevices;
import org.llminspector.engine.onnx.runtime.OnnxWeights;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.DecoderSpec;

/** What ONNX Runtime writes into a capture's own memory is what it would have handed out, and stays that. */
class CapturedInPlaceTest {

    private static final int[] IDS = {3, 1, 4, 1, 5, 9, 2};

    static List<Path> families() {
        return Golden.in(Golden.ROOT);
    }

    @ParameterizedTest
    @MethodSource("families")
    void everyHookIsBitForBitWhatIsCopiedOut(Path dir) {
        try (Checkpoint checkpoint = Checkpoint.open(dir)) {
            Weights weights = Family.open(checkpoint);
            Map<HookId, float[]> copies = copies(weights, Map.of());
            try (OnnxEngine engine = open(checkpoint)) {
                for (int more : new int[] {0, 3}) { // in place all; scores and patterns padded
                    Capture capture = capture(engine, IDS, IDS.length + more);
                    assertThat(capture.tensors().keySet()).isEqualTo(copies.keySet());
                    copies.forEach((id, expected) -> assertThat(capture.get(id).toFloats())
                            .as("%s with %d more", id, more)
                            .isEqualTo(expected));
                    capture.close();
                }
            }
        }
    }

    @Test
    void aValueOfAnotherShapeIsRefused() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            Weights weights = Family.open(checkpoint);
            HookId hook = HookId.of(HookPoint.RESID_POST, 0);
            int d = weights.spec().dModel();
            OnnxTensor wrong =
                    Feed.tensor(Feed.memory((long) IDS.length * d, Float.BYTES), Type.FLOAT, IDS.length, 1, d);
            try (wrong) {
                assertThatThrownBy(() -> copies(weights, Map.of(hook, wrong)))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("ONNX Runtime refused the work");
            }
        }
    }

    /** Hooks as ONNX Runtime hands them out of memory of its own, but for those that are given theirs. */
    private static Map<HookId, float[]> copies(Weights weights, Map<HookId, OnnxTensor> given) {
        DecoderSpec spec = weights.spec();
        int n = IDS.length;
        Target target = Target.cpu(OnnxDevices.threads());
        Encodings encodings = new Encodings(new OnnxWeights(weights), target);
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(spec));
        Graph graph = GraphWriter.hooked(spec, encodings, PrecisionPlan.of(Precision.FP32), target, all, Map.of());
        Map<HookId, float[]> copies = new TreeMap<>();
        try (OnnxWeights held = encodings.weights();
                OpenGraph open = new OpenGraph(graph, held, target, false);
                KvCache cache = new KvCache(spec, n, graph, Map.of(), open.memory());
                PositionInputs places = new PositionInputs(spec, graph.inputs());
                Feed feed = new Feed()) {
            feed.longs("ids", Arrays.stream(IDS).asLongStream().toArray(), 1, n);
            feed.longs("wanted_positions", new long[] {0, 1, 2, 3, 4, 5, 6}, n);
            places.fill(feed, 0, n, n);
            Map<String, OnnxValue> pinned = new HashMap<>(cache.bind(feed, n, graph.cache()));
            given.forEach((id, tensor) -> pinned.put(graph.hooks().get(id), tensor));
            Set<String> requested = new HashSet<>(graph.hooks().values());
            requested.removeAll(pinned.keySet());
            try (OrtSession.Result result = open.run(feed.inputs(), requested, pinned)) {
                graph.hooks().forEach((id, output) -> {
                    FloatBuffer values = ((OnnxTensor) result.get(output).orElseThrow()).getFloatBuffer();
                    float[] copy = new float[values.remaining()];
                    values.get(copy);
                    copies.put(id, copy);
                });
            }
        }
        return copies;
    }

    @Test
    void aCaptureOutlivesItsSessionAndItsEngine() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            Capture capture;
            Map<HookId, float[]> before = new HashMap<>();
            try (OnnxEngine engine = open(checkpoint)) {
                capture = capture(engine, IDS, IDS.length);
                capture.tensors().forEach((id, t) -> before.put(id, t.toFloats()));
                capture(engine, new int[] {8, 8, 8, 8, 8, 8, 8}, IDS.length).close();
                capture(engine, new int[] {7, 7, 7, 7, 7, 7, 7}, IDS.length);
            }
            System.gc();
            capture.tensors()
                    .forEach((id, t) -> assertThat(t.toFloats()).as("%s", id).isEqualTo(before.get(id)));
        }
    }

    @Test
    void sequencesInTurnsKeepTheirOwn() {
        int[] others = {6, 6, 6, 6, 6, 6, 6};
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxEngine engine = open(checkpoint)) {
            Capture alone = capture(engine, IDS, IDS.length);
            Capture other = capture(engine, others, IDS.length);
            try (Session a = engine.begin(request(engine, IDS.length));
                    Session b = engine.begin(request(engine, IDS.length))) {
                for (int[] part : new int[][] {{0, 4}, {4, 7}}) {
                    a.append(Arrays.copyOfRange(IDS, part[0], part[1]));
                    b.append(Arrays.copyOfRange(others, part[0], part[1]));
                }
                a.capture().tensors().forEach((id, t) -> assertThat(
                                Golden.maxAbsDiff(t.toFloats(), alone.get(id).toFloats()))
                        .as("%s", id)
                        .isLessThan(1e-4));
                b.capture().tensors().forEach((id, t) -> assertThat(
                                Golden.maxAbsDiff(t.toFloats(), other.get(id).toFloats()))
                        .as("%s", id)
                        .isLessThan(1e-4));
            }
        }
    }

    @Test
    void aRunThatIsGivenUpReturnsItsMemory() {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"));
                OnnxEngine engine = open(checkpoint)) {
            long before = CaptureMemory.lentBytes();
            try (Session s = engine.begin(request(engine, 9))) {
                s.append(IDS);
                assertThat(CaptureMemory.lentBytes()).isGreaterThan(before);
            }
            assertThat(CaptureMemory.lentBytes()).isLessThanOrEqualTo(before);
        }
    }

    private static OnnxEngine open(Checkpoint checkpoint) {
        return OnnxEngine.open(Family.open(checkpoint), "cpu", PrecisionPlan.of(Precision.FP32));
    }

    private static SessionRequest request(OnnxEngine engine, int positions) {
        return new SessionRequest(positions, new TreeSet<>(HookPatterns.all(engine.spec())), List.of(), List.of());
    }

    private static Capture capture(OnnxEngine engine, int[] ids, int positions) {
        try (Session s = engine.begin(request(engine, positions))) {
            s.append(ids);
            return s.capture();
        }
    }
}
