package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.exported.ExportedEngine;
import org.llminspector.engine.exported.ExportedHooks;
import org.llminspector.engine.exported.ExportedSpec;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Activation;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** ONNX decoders that others exported (scripts/golden/make_onnx.py), against transformers on the same weights. */
class ExportedTest {

    static final Path ROOT = Path.of("src/test/resources/golden/onnx");
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);

    @TempDir
    Path temp;

    /** Opened is a graph with its golden. */
    private static final class Opened extends Exported {
        final SafetensorsFile golden;
        final int[] ids;

        Opened(Path dir) {
            super(dir);
            golden = SafetensorsFile.open(ROOT.resolve(dir.getFileName() + ".golden.safetensors"));
            ids = GgufGoldenTest.ids(golden.tensor("input_ids"));
        }

        @Override
        public void close() {
            super.close();
            golden.close();
        }
    }

    /** FP16 keys and values round; everything else is the reference's own last bits. */
    @ParameterizedTest
    @CsvSource({
        "llama, 5e-5",
        "gpt2, 5e-5",
        "qwen2, 2e-2",
        "fused, 5e-4",
        "merged, 5e-5",
        "genai_fp32, 5e-5",
        "genai_int4, 0.3"
    })
    void generatesWithItsOwnCache(String model, double tolerance) {
        try (Opened m = new Opened(ROOT.resolve(model))) {
            int[] greedy = GgufGoldenTest.ids(m.golden.tensor("greedy_ids"));
            float[] reference = m.golden.tensor("logits").toFloats();
            try (Session session = m.begin(new TreeSet<>(List.of(LOGITS)))) {
                assertThat(session.form()).isEqualTo("fused");
                float[] logits = session.append(m.ids);
                assertThat(Golden.maxAbsDiff(session.capture().get(LOGITS).toFloats(), reference))
                        .isLessThan(tolerance);
                for (int i = 0; i < greedy.length; i++) {
                    assertThat(GoldenTest.argmax(logits)).as("token " + i).isEqualTo(greedy[i]);
                    logits = session.append(new int[] {greedy[i]});
                }
                assertThat(session.length()).isEqualTo(m.ids.length + greedy.length);
                assertThat(session.kvCache().dtype()).isEqualTo(model.equals("qwen2") ? "F16" : "F32");
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "llama, 5e-5",
        "gpt2, 5e-5",
        "qwen2, 2e-2",
        "fused, 5e-4",
        "stablelm, 5e-5",
        "int8, 0.5",
        "fp16, 5e-2",
        "genai_fp32, 5e-5",
        "genai_int4, 0.3"
    })
    void showsWhatTheReferenceSaw(String model, double exact) {
        double tolerance = model.equals("int8") && Golden.saturates() ? 100 * exact : exact;
        try (Opened m = new Opened(ROOT.resolve(model));
                Session session = m.begin(m.found())) {
            assertThat(session.form()).isEqualTo("hooked");
            // In pieces: what a pass adds lands where it belongs.
            session.append(Arrays.copyOf(m.ids, 5));
            session.append(Arrays.copyOfRange(m.ids, 5, 6));
            session.append(Arrays.copyOfRange(m.ids, 6, m.ids.length));
            Capture c = session.capture();
            int seen = 0;
            for (int i = 0; i < m.spec.nLayers(); i++) {
                seen += like(m, c, HookId.of(HookPoint.RESID_PRE, i), "hidden_states." + i, tolerance);
                seen += like(m, c, HookId.of(HookPoint.PATTERN, i), "attentions." + i, tolerance);
            }
            seen += like(m, c, HookId.of(HookPoint.LN_FINAL_OUT), "hidden_states." + m.spec.nLayers(), tolerance);
            seen += like(m, c, LOGITS, "logits", tolerance);
            boolean fused = !m.hooks.has(HookId.of(HookPoint.PATTERN, 0)); // attention is one operator
            assertThat(seen).isEqualTo((fused ? 1 : 2) * m.spec.nLayers() + 2);
            for (int i = 0; i < m.spec.nLayers(); i++) fits(m, c, i, model.equals("fp16") ? 2e-2 : 0);
        }
    }

    private static int like(Opened m, Capture c, HookId hook, String name, double tolerance) {
        if (!m.hooks.has(hook)) return 0;
        Tensor reference = m.golden.tensor(name);
        assertThat(c.get(hook).shape()).as(hook.name()).isEqualTo(reference.shape());
        assertThat(Golden.maxAbsDiff(c.get(hook).toFloats(), reference.toFloats()))
                .as(hook.name())
                .isLessThan(tolerance);
        return 1;
    }

    /**
     * The hooks of one layer fit each other, as those of the engines' own models do.
     *
     * @param half what FP16 rounds besides; 0 without it
     */
    private static void fits(Opened m, Capture c, int i, double half) {
        if (m.hooks.has(HookId.of(HookPoint.RESID_PRE, i))) {
            sum(c, HookPoint.RESID_PRE, HookPoint.ATTN_OUT, HookPoint.RESID_MID, i, half);
        }
        if (m.hooks.has(HookId.of(HookPoint.RESID_POST, i))) {
            sum(c, HookPoint.RESID_MID, HookPoint.MLP_OUT, HookPoint.RESID_POST, i, half);
        }
        norm(m, c, HookPoint.RESID_PRE, HookPoint.LN1_SCALE, HookPoint.LN1_NORMALIZED, i, half);
        norm(m, c, HookPoint.RESID_MID, HookPoint.LN2_SCALE, HookPoint.LN2_NORMALIZED, i, half);
        if (!m.hooks.has(HookId.of(HookPoint.PATTERN, i))) return;
        int heads = m.spec.layers().get(i).attention().nHeads();
        int group = heads / m.spec.layers().get(i).attention().nKvHeads();
        int d = m.spec.layers().get(i).attention().dHead();
        int n = m.ids.length;
        Tensor scores = c.get(HookId.of(HookPoint.ATTN_SCORES, i)); // [1, head, query, key]
        Tensor pattern = c.get(HookId.of(HookPoint.PATTERN, i));
        Tensor v = c.get(HookId.of(HookPoint.V, i)); // [1, pos, kv_head, d_head]
        Tensor z = c.get(HookId.of(HookPoint.Z, i)); // [1, pos, head, d_head]
        boolean turns = m.spec.layers().get(i).attention().rope() != null;
        Tensor queries = c.get(HookId.of(turns ? HookPoint.ROT_Q : HookPoint.Q, i)); // [1, pos, head, d_head]
        Tensor keys = c.get(HookId.of(turns ? HookPoint.ROT_K : HookPoint.K, i)); // [1, pos, kv_head, d_head]
        for (int h = 0; h < heads; h++) {
            for (int q = 0; q < n; q++) {
                long row = ((long) h * n + q) * n;
                double total = 0;
                for (int k = 0; k < n; k++) {
                    if (k > q) assertThat(scores.get(row + k)).isEqualTo(Double.NEGATIVE_INFINITY);
                    total += Math.exp(scores.get(row + k));
                    double dot = 0;
                    for (int x = 0; x < d; x++) {
                        dot += queries.get(((long) q * heads + h) * d + x)
                                * keys.get(((long) k * heads / group + h / group) * d + x);
                    }
                    double scaled = dot * m.spec.layers().get(i).attention().scale();
                    if (k <= q) assertThat(scores.get(row + k)).isCloseTo(scaled, offset(5e-3 + half));
                }
                for (int x = 0; x < d; x++) {
                    double read = 0;
                    for (int k = 0; k <= q; k++) {
                        double p = Math.exp(scores.get(row + k)) / total;
                        assertThat(pattern.get(row + k)).isCloseTo(p, offset(1e-5 + half));
                        read += p * v.get(((long) k * heads / group + h / group) * d + x);
                    }
                    assertThat(z.get(((long) q * heads + h) * d + x)).isCloseTo(read, offset(2e-3 + half));
                }
            }
        }
    }

    /** What a norm divides by and what it gives are those of its input. */
    private static void norm(
            Opened m, Capture c, HookPoint input, HookPoint scale, HookPoint normalized, int layer, double half) {
        if (!m.hooks.has(HookId.of(scale, layer))) return;
        assertThat(m.spec.finalNorm().kind()).isEqualTo(Norm.Kind.RMS);
        int width = m.spec.dModel();
        Tensor x = c.get(HookId.of(input, layer)); // [1, pos, d_model]
        Tensor size = c.get(HookId.of(scale, layer)); // [1, pos, 1]
        for (int p = 0; p < m.ids.length; p++) {
            double squares = 0;
            for (int j = 0; j < width; j++) squares += Math.pow(x.get((long) p * width + j), 2);
            double root = Math.sqrt(squares / width + m.spec.finalNorm().eps());
            assertThat(size.get(p)).isCloseTo(root, offset(1e-4 + half));
            if (!m.hooks.has(HookId.of(normalized, layer))) continue;
            Tensor y = c.get(HookId.of(normalized, layer)); // [1, pos, d_model]
            for (int j = 0; j < width; j++) {
                assertThat(y.get((long) p * width + j))
                        .isCloseTo(x.get((long) p * width + j) / root, offset(1e-4 + half));
            }
        }
    }

    private static void sum(Capture c, HookPoint a, HookPoint b, HookPoint sum, int layer, double half) {
        float[] x = c.get(HookId.of(a, layer)).toFloats();
        float[] y = c.get(HookId.of(b, layer)).toFloats();
        for (int i = 0; i < x.length; i++) x[i] += y[i];
        assertThat(Golden.maxAbsDiff(x, c.get(HookId.of(sum, layer)).toFloats()))
                .isLessThan(1e-4 + half);
    }

    @Test
    void findsTheseHooksAndNoOthers() {
        String attention = " ATTN_SCORES PATTERN";
        String mlp = " MLP_PRE MLP_PRE_LINEAR MLP_POST MLP_OUT";
        String ln2 = " LN2_SCALE LN2_NORMALIZED";
        String llama = "RESID_PRE LN1_SCALE LN1_NORMALIZED Q K V ROT_Q ROT_K" + attention + " Z ATTN_OUT RESID_MID"
                + ln2 + mlp + " RESID_POST";
        String end = "LN_FINAL_SCALE LN_FINAL_NORMALIZED LN_FINAL_OUT LOGITS";
        assertThat(found("llama")).containsExactly("EMBED", llama, llama, end);
        for (String same : List.of("qwen2", "int8", "fp16")) {
            assertThat(found(same)).containsExactly("EMBED", llama, llama, end);
        }
        // LayerNormalization keeps what it divides by.
        String gpt2 = "RESID_PRE Q K V" + attention + " Z ATTN_OUT RESID_MID MLP_PRE MLP_POST MLP_OUT RESID_POST";
        assertThat(found("gpt2")).containsExactly("EMBED POS_EMBED", gpt2, gpt2, "LN_FINAL_OUT LOGITS");
        String stablelm = llama.replaceAll(" LN._(SCALE|NORMALIZED)", "");
        assertThat(found("stablelm")).containsExactly("EMBED", stablelm, stablelm, "LN_FINAL_OUT LOGITS");
        // So does GroupQueryAttention; and the builder's last norm does not give the sum that it takes.
        String fused = "RESID_PRE Q K V ROT_K Z ATTN_OUT RESID_MID" + mlp + " RESID_POST";
        String last = fused.replace(" RESID_POST", "");
        String inverse = fused.replace("RESID_PRE", "RESID_PRE LN1_SCALE");
        assertThat(found("fused")).containsExactly("EMBED", inverse, fused, "LN_FINAL_OUT LOGITS");
        assertThat(found("genai_fp32")).containsExactly("EMBED", fused, last, "LN_FINAL_OUT LOGITS");
        assertThat(found("genai_int4")).containsExactly("EMBED", fused, last, "LN_FINAL_OUT LOGITS");
    }

    /** A StableLM under a name that no family here has is known by its graph only, and is the same model. */
    @Test
    void anUnknownFamilyIsWhatItsGraphShows() throws Exception {
        Path dir = copy("stablelm");
        edit(dir.resolve("config.json"), "\"model_type\": \"stablelm\"", "\"model_type\": \"stable99\"");
        try (Opened m = new Opened(dir);
                Opened known = new Opened(ROOT.resolve("stablelm"))) {
            LayerSpec layer = m.spec.layers().get(1);
            assertThat(m.spec.family()).isEqualTo("stable99");
            assertThat(m.spec.layers()).isEqualTo(known.spec.layers());
            assertThat(m.spec.finalNorm()).isEqualTo(new Norm(Norm.Kind.LAYER, 1e-5));
            assertThat(layer.parallel()).isFalse();
            assertThat(layer.mlp()).isEqualTo(new Mlp(40, Activation.SILU, true, false));
            assertThat(layer.attention().rope().dims()).isEqualTo(2); // a quarter of 8
            assertThat(layer.attention().qkvBias()).isFalse();
            assertThat(layer.ln1Post()).isNull();
        }
        edit(dir.resolve("config.json"), "\"num_attention_heads\": 4", "\"num_attention_headz\": 4");
        assertThatThrownBy(() -> new Opened(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("num_attention_heads");
        Path merged = copy("merged");
        edit(merged.resolve("config.json"), "\"model_type\": \"gpt2\"", "\"model_type\": \"gpt9\"");
        assertThatThrownBy(() -> new Opened(merged))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("gpt9")
                .hasMessageContaining("none");
    }

    /** The points before the blocks, of each block, and after them. */
    private static List<String> found(String model) {
        try (Opened m = new Opened(ROOT.resolve(model))) {
            return m.found().stream()
                    .collect(Collectors.groupingBy(
                            h -> h.layer() >= 0 ? h.layer() : h.point().compareTo(HookPoint.RESID_PRE) < 0 ? -1 : 99,
                            TreeMap::new,
                            Collectors.mapping(h -> h.point().name(), Collectors.joining(" "))))
                    .values()
                    .stream()
                    .toList();
        }
    }

    @Test
    void whatIsNotFoundIsRefusedByName() {
        try (Opened m = new Opened(ROOT.resolve("fused"))) {
            HookId pattern = HookId.of(HookPoint.PATTERN, 1);
            assertThatThrownBy(() -> m.begin(new TreeSet<>(List.of(pattern))))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("blocks.1.attn.hook_pattern")
                    .hasMessageContaining("GroupQueryAttention")
                    .hasMessageContaining("safetensors");
            Intervention zero = new Intervention(
                    "blocks.0.hook_mlp_out", Intervention.Op.ZERO, null, null, null, null, null, null, null);
            assertThatThrownBy(() ->
                            m.engine.begin(new SessionRequest(8, new TreeSet<>(), List.of(zero), List.of(Map.of()))))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("not changed");
            assertThatThrownBy(() -> m.engine.unembed(Tensor.of(new float[64], 1, 1, 64)))
                    .isInstanceOf(Problem.class);
            EngineInfo info = m.engine.info();
            assertThat(info.precision()).isEqualTo(Precision.INT4_32);
            assertThat(info.arithmetic()).contains("MatMulNBits, 4 bits, a scale in 32");
            assertThatThrownBy(() -> ExportedEngine.open(m.checkpoint, m.spec, "cpu", PrecisionPlan.of(Precision.INT8)))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("int8");
        }
    }

    @Test
    void nothingIsReadOutOfBranches() {
        assertThat(found("merged")).containsExactly("K V", "LOGITS");
        try (Opened m = new Opened(ROOT.resolve("merged"))) {
            assertThatThrownBy(() -> m.begin(new TreeSet<>(List.of(HookId.of(HookPoint.PATTERN, 0)))))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("If node");
        }
    }

    @Test
    void namesSayNothing() throws Exception {
        Path dir = copy("llama");
        edit(dir.resolve("model.onnx"), "/mlp/gate_proj/", "/mlp/temp_proj/");
        edit(dir.resolve("model.onnx"), "/mlp/down_proj/", "/mlp/gate_proj/");
        edit(dir.resolve("model.onnx"), "/mlp/temp_proj/", "/mlp/down_proj/");
        try (Opened named = new Opened(ROOT.resolve("llama"));
                Opened m = new Opened(dir);
                Session reference = named.begin(named.found());
                Session session = m.begin(m.found())) {
            assertThat(m.found()).isEqualTo(named.found());
            reference.append(m.ids);
            session.append(m.ids);
            for (HookId id : m.found()) {
                assertThat(session.capture().get(id).toFloats())
                        .as(id.name())
                        .isEqualTo(reference.capture().get(id).toFloats());
            }
        }
    }

    @Test
    void aValueOfAnotherShapeIsNotShown() throws Exception {
        Path dir = copy("llama");
        edit(dir.resolve("config.json"), "\"intermediate_size\": 40", "\"intermediate_size\": 44");
        try (Opened m = new Opened(dir);
                Session session = m.begin(new TreeSet<>(List.of(HookId.of(HookPoint.MLP_PRE, 0))))) {
            assertThatThrownBy(() -> session.append(m.ids))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("blocks.0.mlp.hook_pre")
                    .hasMessageContaining("[1, 12, 44]");
        }
    }

    @Test
    void aConfigOfAnotherModelIsRefused() throws Exception {
        Path dir = copy("llama");
        edit(dir.resolve("config.json"), "\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4");
        assertThatThrownBy(() -> new Opened(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("past_key_values.0.key")
                .hasMessageContaining("as config.json says");
        edit(dir.resolve("config.json"), "\"num_key_value_heads\": 4", "\"num_key_value_heads\": 2");
        edit(dir.resolve("model.onnx"), "past_key_values.1.value", "past_key_values.1.velue");
        assertThatThrownBy(() -> new Opened(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("text-generation-with-past");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"../../../x_data", "/etc/aaaaaaaaaa", "sub/model__data", "..\\..\\..\\x_data", "model.onnx_dat_"
            })
    void weightsElsewhereAreRefused(String location) throws Exception {
        Path dir = copy("qwen2");
        edit(dir.resolve("model.onnx"), "model.onnx_data", location);
        assertThatThrownBy(() -> Checkpoint.open(dir)).isInstanceOf(Problem.class);
    }

    @Test
    void aLinkOutOfTheFolderIsRefused() throws Exception {
        Path dir = copy("qwen2");
        Path data = dir.resolve("model.onnx_data");
        Files.move(data, temp.resolve("elsewhere"));
        Files.createSymbolicLink(data, temp.resolve("elsewhere"));
        assertThatThrownBy(() -> Checkpoint.open(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("leads out of the model's folder");
        Files.delete(data);
        Files.write(data, new byte[100]);
        assertThatThrownBy(() -> Checkpoint.open(dir))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("model.onnx_data");
    }

    /** Only the reader sees damaged files here: what it lets through may be ONNX Runtime's to refuse. */
    @Test
    void damagedFilesAreProblems() throws Exception {
        Path dir = copy("llama");
        Path file = dir.resolve("model.onnx");
        byte[] whole = Files.readAllBytes(file);
        for (int length = 0; length < whole.length; length += 997) {
            Files.delete(file); // to write over a file that is mapped waits for its lease
            Files.write(file, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> Checkpoint.open(dir))
                    .as("cut at " + length)
                    .isInstanceOf(Problem.class);
        }
        java.util.Random random = new java.util.Random(7);
        int refused = 0;
        for (int i = 0; i < 400; i++) {
            byte[] damaged = whole.clone();
            for (int k = 0; k < 3; k++) damaged[random.nextInt(whole.length)] = (byte) random.nextInt();
            Files.delete(file);
            Files.write(file, damaged);
            try (Checkpoint c = Checkpoint.open(dir)) {
                new ExportedHooks(c.onnx().orElseThrow(), ExportedSpec.of(c));
            } catch (Problem expected) {
                refused++;
            }
        }
        assertThat(refused).isBetween(1, 399);
    }

    private Path copy(String model) throws Exception {
        Path dir = Files.createDirectories(temp.resolve(model));
        try (Stream<Path> files = Files.list(ROOT.resolve(model))) {
            for (Path f : files.toList()) Files.copy(f, dir.resolve(f.getFileName()));
        }
        return dir;
    }

    /** Puts other bytes of the same length everywhere. */
    private static void edit(Path file, String from, String to) throws Exception {
        String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        assertThat(text).contains(from);
        assertThat(to).hasSameSizeAs(from);
        Files.write(file, text.replace(from, to).getBytes(StandardCharsets.ISO_8859_1));
    }
}
