package org.llminspector.engine.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.DType;
import org.llminspector.base.NativeMemory;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.family.Family;
import org.llminspector.golden.Golden;
import org.llminspector.golden.Kind;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;

/**
 * Memory of this process outside its heap and the files it maps: nothing leaks, weights are shared, a closed engine gives
 * back. Measured with the heap these bounds had to be three times as wide: to convert and quantize 50 MiB of weights leaves as
 * much garbage again, of which the collector lets up to 230 MiB lie, and the C library keeps what it was given back.
 */
public class MemoryTest {

    private static final int MIB = 1024;

    @TempDir
    Path temp;

    @Test
    void sequencesLeakNothing() throws IOException {
        sequencesLeakNothing(600);
    }

    @Test
    @Tag("long")
    void sixThousandSequencesLeakNothing() throws IOException {
        sequencesLeakNothing(6_000);
    }

    private static void sequencesLeakNothing(int count) throws IOException {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama_ropelinear"), Kind.ONNX)) {
            NativeMemory.growsByLess(count * 50L, () -> generate(g, count)); // one leaked cache each would be 100 KiB
        }
    }

    /** Sequences with room for 50 tokens, now fast, now hooked with every hook captured. */
    private static void generate(Golden g, int sequences) {
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(g.engine.spec()));
        for (int i = 0; i < sequences; i++) {
            SessionRequest request =
                    i % 2 == 0 ? SessionRequest.plain(51) : new SessionRequest(51, all, List.of(), List.of());
            try (Session s = g.engine.begin(request)) {
                s.append(new int[] {1});
                for (int t = 0; t < 3; t++) s.append(new int[] {t});
            }
        }
    }

    @Test
    void cachesWhereASessionRunsLeakNothing() throws IOException {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama_ropelinear"), Kind.ONNX);
                OnnxEngine fused = OnnxEngine.open(g.weights, CudaGraphs.TARGET, PrecisionPlan.of(Precision.FP16));
                OnnxEngine plain = OnnxEngine.open(g.weights, CudaGraphs.TARGET, PrecisionPlan.of(Precision.FP32))) {
            Runnable sequences = () -> {
                for (int i = 0; i < 400; i++) {
                    for (OnnxEngine engine : List.of(fused, plain)) {
                        try (Session s = engine.begin(SessionRequest.plain(64))) {
                            s.append(new int[] {1, 2, 3});
                            s.append(new int[] {4});
                        }
                    }
                }
            };
            NativeMemory.growsByLess(400 * 48, sequences); // one leaked cache each would be 96 KiB
        }
    }

    @Test
    void aThousandFullCapturesLeakNothing() throws IOException {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama_ropelinear"), Kind.ONNX)) {
            long lent = CaptureMemory.lentBytes();
            NativeMemory.growsByLess(600 * 32, () -> captures(g, 600)); // one leaked block a run would be 64 KiB
            assertThat(CaptureMemory.lentBytes()).as("bytes lent").isLessThanOrEqualTo(lent);
        }
    }

    private static void captures(Golden g, int runs) {
        for (int i = 0; i < runs; i++) {
            capture(g.engine, 1 + i % 20);
            if (i % 20 == 19) System.gc(); // so that the heap stays small: it is not what is watched
        }
    }

    private static void capture(InspectorEngine engine, int positions) {
        TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(engine.spec()));
        try (Session s = engine.begin(new SessionRequest(positions, all, List.of(), List.of()))) {
            s.append(new int[positions]);
            s.capture().close();
        }
    }

    @Test
    void sequencesShareWeightsAndAClosedEngineGivesThemBack() throws IOException {
        Path model = bigModel(temp);
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            long weights = checkpoint.bytes() / 1024;
            assertThat(weights).isGreaterThan(40 * MIB);
            cycle(checkpoint, weights);
            cycle(checkpoint, weights);
            long before = NativeMemory.residentKib();
            for (int i = 0; i < 6; i++) cycle(checkpoint, weights);
            // Each packs its matrices. One's weights are a sixth of each.
            assertThat(NativeMemory.settledKib(before + weights) - before)
                    .as("KiB left of six engines")
                    .isLessThan(weights);
        }
    }

    /** ONNX Runtime packs each matrix, a copy; the file's own bytes serve what is not packed: rows of a tied table, and values. */
    @Test
    void anEngineHoldsWhatItCounts() throws IOException {
        PrecisionPlan plan = PrecisionPlan.of(Precision.FP32);
        try (Checkpoint checkpoint = Checkpoint.open(bigModel(temp, 16_384))) {
            try (OnnxEngine first = OnnxEngine.open(Family.open(checkpoint), "cpu", plan)) {
                capture(first, 4); // what is taken once in a process
            }
            long before = NativeMemory.residentKib();
            try (OnnxEngine second = OnnxEngine.open(Family.open(checkpoint), "cpu", plan)) {
                capture(second, 4);
                long counted = second.memory().resident() / 1024;
                assertThat(counted).isGreaterThan(70 * MIB);
                long table = 16_384L * 512 * 4 / 1024;
                assertThat(NativeMemory.residentKib() - before)
                        .as("KiB of an engine that counts " + counted)
                        .isLessThan(counted + table / 4);
            }
        }
    }

    @Test
    void aVariantSharesWhatIsTheSameAndGivesBackTheRest() throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(bigModel(temp));
                OnnxEngine low = OnnxEngine.open(Family.open(checkpoint), "cpu", PrecisionPlan.of(Precision.INT8))) {
            PrecisionPlan.Choice high = PrecisionPlan.of(Precision.FP16).at("unembed");
            PrecisionPlan plan = PrecisionPlan.of(Precision.INT8).with("blocks.1.*", high);
            long restored = 0;
            for (String m : PrecisionPlan.modules(low.spec())) if (m.startsWith("blocks.1.")) restored++;
            assertThat(restored).isEqualTo(7);
            long before = 0;
            for (int i = 0; i < 8; i++) {
                if (i == 2) before = NativeMemory.residentKib();
                try (InspectorEngine variant = low.variant(plan);
                        Session s = variant.begin(SessionRequest.plain(8))) {
                    s.append(new int[] {1, 2, 3});
                    // Upcast halves take 4 bytes per weight in place of a code's one; the scales go.
                    long weights = 4L * 512 * 512 + 3L * 512 * 1536;
                    long scales = 4L * (4 * 512 + 2 * 1536 + 512);
                    assertThat(variant.info().weightBytes() - low.info().weightBytes())
                            .isEqualTo(3 * weights - scales);
                }
            }
            // Each makes 13 MiB: two's are a third of each.
            assertThat(NativeMemory.settledKib(before + 2 * 13 * MIB) - before)
                    .as("KiB left of six variants")
                    .isLessThan(2 * 13 * MIB);
        }
    }

    private static void cycle(Checkpoint checkpoint, long weights) throws IOException {
        PrecisionPlan plan = PrecisionPlan.of(Precision.FP32);
        try (OnnxEngine engine = OnnxEngine.open(Family.open(checkpoint), "cpu", plan);
                Session first = engine.begin(SessionRequest.plain(8))) {
            first.append(new int[] {1, 2, 3});
            capture(engine, 64);
            long one = NativeMemory.residentKib();
            try (Session second = engine.begin(SessionRequest.plain(8))) {
                second.append(new int[] {4, 5, 6});
                assertThat(NativeMemory.settledKib(one + weights / 10) - one)
                        .as("KiB of a second sequence")
                        .isLessThan(weights / 10);
            }
        }
    }

    /** A Llama of about 50 MiB, of no use but its size. */
    static Path bigModel(Path temp) throws IOException {
        return bigModel(temp, 1024);
    }

    private static Path bigModel(Path temp, int vocab) throws IOException {
        int d = 512;
        int mlp = 1536;
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        tensors.put("model.embed_tokens.weight", noise(vocab, d));
        tensors.put("model.norm.weight", noise(d));
        for (int i = 0; i < 4; i++) {
            String b = "model.layers." + i + ".";
            for (String p : List.of("q", "k", "v", "o"))
                tensors.put(b + "self_attn." + p + "_proj.weight", noise(d, d));
            tensors.put(b + "mlp.gate_proj.weight", noise(mlp, d));
            tensors.put(b + "mlp.up_proj.weight", noise(mlp, d));
            tensors.put(b + "mlp.down_proj.weight", noise(d, mlp));
            tensors.put(b + "input_layernorm.weight", noise(d));
            tensors.put(b + "post_attention_layernorm.weight", noise(d));
        }
        Files.writeString(
                temp.resolve("config.json"),
                "{\"model_type\":\"llama\",\"hidden_size\":512,\"intermediate_size\":1536,\"num_attention_heads\":8,"
                        + "\"num_key_value_heads\":8,\"num_hidden_layers\":4,\"vocab_size\":" + vocab + ","
                        + "\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,\"rope_theta\":10000.0,"
                        + "\"hidden_act\":\"silu\",\"tie_word_embeddings\":true}");
        SafetensorsWriter.write(temp.resolve("model.safetensors"), tensors, Map.of());
        return temp;
    }

    private static Tensor noise(int... shape) {
        long[] dims = java.util.Arrays.stream(shape).asLongStream().toArray();
        int n = Math.toIntExact(Tensor.elements(dims));
        ByteBuffer bytes = ByteBuffer.allocate(4 * n).order(ByteOrder.LITTLE_ENDIAN);
        int state = 12345;
        for (int i = 0; i < n; i++) {
            state = state * 1664525 + 1013904223;
            bytes.putFloat(4 * i, state * 0x1p-36f);
        }
        return Tensor.of(DType.F32, bytes, dims);
    }
}
