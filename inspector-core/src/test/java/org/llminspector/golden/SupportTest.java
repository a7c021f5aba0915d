package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Capabilities.PrecisionSupport;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Kernel;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.CudaGraphs;
import org.llminspector.engine.onnx.OnnxEngine;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/**
 * docs/support.md is what runs: every golden model on every engine, in every precision and form. {@code
 * -Dsupport.write=true} writes it; a bound in it stays as long as it is true. With {@code -Dgolden='regex'} only those
 * models run, and the others' rows stay.
 */
@Tag("matrix")
class SupportTest {

    private static final Path DOCUMENT = Path.of("../docs/support.md");
    private static final HookId LOGITS = HookId.of(HookPoint.LOGITS);
    private static final int NEW_TOKENS = 3;
    private static final String CUDA = "onnx for CUDA";
    /** Of the further families, those that few bits may send elsewhere, and those with matrices or mixers of another kind. */
    private static final List<String> FURTHER = List.of(
            "deepseek_v2",
            "deepseek_v3",
            "mixtral",
            "olmoe",
            "qwen2_moe",
            "qwen3_moe",
            "gpt_oss_mxfp4",
            "lfm2",
            "lfm2_bias",
            "mamba",
            "mamba2",
            "nemotron_h",
            "falcon_h1",
            "jamba",
            "qwen3_next",
            "kimi_linear",
            "minimax",
            "recurrent_gemma",
            "bamba",
            "olmo_hybrid",
            "llama4",
            "mimo_v2_flash",
            "gemma3n",
            "gemma4_wide",
            "gemma4_moe");

    private static final List<String> ENGINES = List.of("torch", "onnx", CUDA);

    /** Model is a golden model: what it runs and what the reference computed for it. */
    private record Model(String name, Path file, Path golden, double tolerance) {}

    /** Column is a precision, with a kernel where it has several. */
    private record Column(Precision precision, Kernel kernel) {
        String label() {
            return precision.label()
                    + (kernel == null ? "" : " " + kernel.name().toLowerCase(java.util.Locale.ROOT));
        }
    }

    /** Reference is a sequence, and the logits of its positions: [pos, vocab]. */
    private record Reference(int[] prompt, int[] more, float[] logits) {}

    @Test
    void theDocumentSaysWhatRuns() throws IOException {
        Map<String, String> documented = Files.exists(DOCUMENT) ? cells(Files.readString(DOCUMENT)) : Map.of();
        Map<String, String> found = new LinkedHashMap<>();
        for (Model model : models()) {
            if (!Golden.wanted(model.file())) {
                documented.forEach((key, cell) -> {
                    if (key.contains("/" + model.name() + "/")) found.put(key, cell);
                });
                continue;
            }
            try (Checkpoint checkpoint = Checkpoint.open(model.file())) {
                Weights weights = Family.open(checkpoint);
                Reference reference = reference(model);
                for (String engine : ENGINES) {
                    for (Column column : columns()) {
                        run(model, engine, column, weights, reference, documented, found);
                    }
                }
            }
        }
        String text = document(found);
        if (Boolean.getBoolean("support.write")) Files.writeString(DOCUMENT, text);
        assertThat(Files.readString(DOCUMENT))
                .as("docs/support.md; run this test with -Dsupport.write=true if the change is right")
                .isEqualTo(text);
    }

    private static void run(
            Model model,
            String engine,
            Column column,
            Weights weights,
            Reference reference,
            Map<String, String> documented,
            Map<String, String> found) {
        String cell = model.name() + "/" + column.label();
        PrecisionSupport support = support(engine, column.precision());
        if (!support.available()) {
            assertThatThrownBy(() -> open(engine, weights, column))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining(support.why())
                    .hasMessageContaining(support.instead());
            for (String form : List.of("fused", "hooked")) found.put(engine + ", " + form + "/" + cell, "refused");
            return;
        }
        try (InspectorEngine open = open(engine, weights, column)) {
            SortedSet<HookId> all = HookPatterns.all(weights.spec());
            if (column.precision() != Precision.FP32 && column.precision() != Precision.FP16) {
                refusesHeadResults(open, all);
                all.removeIf(id -> id.point() == HookPoint.RESULT);
            }
            Map<String, SortedSet<HookId>> forms = new LinkedHashMap<>();
            forms.put("fused", new TreeSet<>(List.of(LOGITS)));
            forms.put("hooked", all);
            forms.forEach((form, hooks) -> {
                String key = engine + ", " + form + "/" + cell;
                float[] logits = logits(open, form, hooks, reference);
                if (logits == null) {
                    found.put(key, "none");
                    return;
                }
                if (column.precision() == Precision.FP32) {
                    assertThat(Golden.maxAbsDiff(logits, reference.logits()))
                            .as(key)
                            .isLessThanOrEqualTo(1.25 * model.tolerance()); // CPUs sum in orders of their own
                    found.put(key, "yes");
                } else {
                    double kl =
                            Golden.kl(reference.logits(), logits, weights.spec().vocab());
                    found.put(key, bound(kl, column.kernel() == Kernel.FAST, documented.get(key)));
                }
            });
        }
    }

    private static void refusesHeadResults(InspectorEngine engine, SortedSet<HookId> all) {
        SortedSet<HookId> results = new TreeSet<>(all);
        results.removeIf(id -> id.point() != HookPoint.RESULT);
        if (results.isEmpty()) return; // no heads
        assertThatThrownBy(() -> engine.begin(new SessionRequest(4, results, List.of(), List.of())))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("precision_plan");
    }

    /** Null where the model has no such form on this engine. */
    private static float[] logits(InspectorEngine engine, String form, SortedSet<HookId> hooks, Reference reference) {
        int positions = reference.prompt().length + reference.more().length;
        try (Session session = engine.begin(new SessionRequest(positions, hooks, List.of(), List.of()))) {
            if (!session.form().equals(form)) {
                assertThat(form).isEqualTo("fused");
                return null;
            }
            session.append(reference.prompt());
            for (int token : reference.more()) session.append(new int[] {token});
            assertThat(session.capture().tensors().keySet()).isEqualTo(hooks);
            return session.capture().get(LOGITS).toFloats();
        }
    }

    private static InspectorEngine open(String engine, Weights weights, Column column) {
        PrecisionPlan plan = new PrecisionPlan(column.precision(), column.kernel(), null);
        return switch (engine) {
            case "torch" -> TorchEngine.open(weights, "cpu", column.precision());
            case "onnx" -> OnnxEngine.open(weights, "cpu", plan);
            default -> CudaGraphs.open(weights, plan);
        };
    }

    private static PrecisionSupport support(String engine, Precision precision) {
        Capabilities capabilities = engine.equals("torch") ? TorchEngine.capabilities() : OnnxEngine.capabilities();
        return capabilities.precisions().stream()
                .filter(p -> p.id() == precision)
                .findFirst()
                .orElseThrow();
    }

    private static List<Column> columns() {
        List<Column> columns = new ArrayList<>();
        for (Precision p : Precision.values()) {
            if (!p.weightOnly()) columns.add(new Column(p, null));
            else for (Kernel k : Kernel.values()) columns.add(new Column(p, k));
        }
        return columns;
    }

    /** The goldens of this repository, and of no other folder: the document is the same everywhere. */
    private static List<Model> models() throws IOException {
        List<Model> models = new ArrayList<>();
        for (Path root : List.of(Golden.ROOT, Golden.ODD)) {
            try (Stream<Path> dirs = Files.list(root)) {
                for (Path dir : dirs.filter(Files::isDirectory).sorted().toList()) {
                    Path golden = dir.resolve("golden.safetensors");
                    double tolerance = Golden.tolerance(Golden.noise(dir), "greedy_logits");
                    String name = (root == Golden.ODD ? "odd/" : "") + dir.getFileName();
                    models.add(new Model(name, dir, golden, tolerance));
                }
            }
        }
        for (String further : FURTHER) {
            Path dir = Golden.FAMILIES.resolve(further);
            double tolerance = Golden.tolerance(Golden.noise(dir), "logits");
            models.add(new Model(further, dir, dir.resolve("golden.safetensors"), tolerance));
        }
        for (String kind : List.of("arch", "types")) {
            for (GgufGolden g : GgufGolden.all(kind)) {
                if (!g.model().startsWith(GgufGolden.ROOT)) continue;
                models.add(new Model(
                        g.model().getFileName().toString(), g.model(), g.tensors(), g.tolerance("greedy_logits")));
            }
        }
        return models;
    }

    private static Reference reference(Model model) {
        try (SafetensorsFile golden = SafetensorsFile.open(model.golden())) {
            int[] greedy = GgufGoldenTest.ids(golden.tensor("greedy_ids"));
            float[] prompt = golden.tensor("logits").toFloats();
            float[] next = golden.tensor("greedy_logits").toFloats();
            int vocab = next.length / greedy.length;
            float[] all = Arrays.copyOf(prompt, prompt.length + NEW_TOKENS * vocab);
            System.arraycopy(next, vocab, all, prompt.length, NEW_TOKENS * vocab);
            return new Reference(
                    GgufGoldenTest.ids(golden.tensor("input_ids")), Arrays.copyOf(greedy, NEW_TOKENS), all);
        }
    }

    /**
     * The documented bound where it holds and says something, else a new one: 1, 2 or 5 times a power of ten, at least
     * twice what was measured, so that another CPU's last bits do not matter.
     *
     * @param mayBeExact whether a CPU may lack the kernel, and then be much closer
     */
    private static String bound(double measured, boolean mayBeExact, String documented) {
        assertThat(measured).isFinite();
        double noise = 1e-8;
        if (documented != null && documented.startsWith("≤ ")) {
            double bound = Double.parseDouble(documented.substring(2));
            boolean tells = mayBeExact || bound <= noise || measured >= bound / 100;
            if (measured <= bound && tells) return documented;
        }
        double atLeast = Math.max(2 * measured, noise);
        int exponent = (int) Math.floor(Math.log10(atLeast));
        return Stream.of("1e" + exponent, "2e" + exponent, "5e" + exponent, "1e" + (exponent + 1))
                .filter(b -> Double.parseDouble(b) >= atLeast)
                .map(b -> "≤ " + plain(b))
                .findFirst()
                .orElseThrow();
    }

    private static String plain(String number) {
        double value = Double.parseDouble(number);
        return value < 1e-3 ? number : new java.math.BigDecimal(number).toPlainString();
    }

    /** The cells of a document, by heading, row and column. */
    private static Map<String, String> cells(String document) {
        Map<String, String> cells = new LinkedHashMap<>();
        String heading = "";
        List<String> columns = List.of();
        for (String line : document.lines().toList()) {
            if (line.startsWith("## ")) heading = line.substring(3);
            if (!line.startsWith("| ")) continue;
            List<String> parts =
                    Arrays.stream(line.split("\\|", -1)).map(String::strip).toList();
            if (parts.get(1).equals("model")) columns = parts;
            else
                for (int c = 2; c < parts.size() - 1; c++) {
                    cells.put(heading + "/" + parts.get(1) + "/" + columns.get(c), parts.get(c));
                }
        }
        return cells;
    }

    private static String document(Map<String, String> found) throws IOException {
        StringBuilder out = new StringBuilder("""
                # What runs where

                Written by `SupportTest`, which opens each of these models on each engine, in each precision and form, and runs a
                prompt and three more tokens: `mvn -pl inspector-core test -Dtest=SupportTest -Dsupport.write=true`. Without the
                property it fails when this page says something else than what it found.

                - **yes**: every logit is that of Hugging Face transformers in FP32, within three times the noise between two of
                  its versions.
                - **≤ x**: it runs, and KL(transformers in FP32 || this), in nats, mean over the positions, is at most x. The models
                  are tiny and their weights are random, which rounding hurts far more than trained ones: the numbers compare
                  precisions, they are no forecast for a real model.
                - **fused**: fused operators, only the logits are seen (torch: also the residual stream between layers). **hooked**:
                  every hook of the model was captured in the same run; in INT8 and INT4 every hook but `hook_result`, which is
                  refused: the module `attn.o` must be in fp32 or fp16 for it (a `precision_plan` keeps it).
                - **none**: the model has no fused form on this engine, as the fused operator does not take its sizes; it runs hooked.
                - **refused**: a problem says why and what to do instead, as below.

                All of it was run by a CPU: there was no GPU, and nothing on this page was ever run on one. **onnx for CUDA** are the
                graphs that `--device cuda:0` opens on the onnx engine, run by the CPU with its own kernels. They show that the graphs
                are right, and how far FP16 products, attention and cache go; not that a GPU's kernels are, nor how fast. The fast
                kernel of few bits has FP16 activations and scales there.
                """);
        for (String engine : ENGINES) {
            for (String form : List.of("fused", "hooked")) {
                out.append("\n## ").append(engine).append(", ").append(form).append("\n\n");
                table(out, engine, form, found);
            }
            if (engine.equals(CUDA)) continue; // refuses what onnx does
            out.append("\n### Refused by ").append(engine).append("\n\n");
            for (Precision p : Precision.values()) {
                PrecisionSupport s = support(engine, p);
                if (!s.available()) out.append("- `%s`: %s; %s.\n".formatted(p.label(), s.why(), s.instead()));
            }
        }
        exported(out);
        return out.toString();
    }

    private static void exported(StringBuilder out) throws IOException {
        out.append("""

                ## onnx, graphs that others exported

                A prompt and one more token, every hook that was found captured in the same run; ExportedTest holds them against
                transformers, DynamoTest against the same models on torch. llama, gpt2, qwen2, stablelm and merged are Optimum's, int8
                and fp16 made of llama by ONNX Runtime's own tools, genai is onnxruntime-genai's builder, dynamo torch.onnx with
                dynamo. Their values cannot be changed, and torch refuses them.

                """);
        out.append(row("model", List.of("precision of the file", "hooks found", "of its family's")));
        out.append("|---|---|---|---|\n");
        for (Path dir : exported()) {
            try (Exported m = new Exported(dir);
                    Session session = m.begin(m.found())) {
                session.append(new int[] {3, 1, 4, 1, 5});
                session.append(new int[] {9});
                assertThat(session.capture().tensors().keySet()).isEqualTo(m.found());
                boolean dynamo = dir.startsWith(DynamoTest.ROOT);
                out.append(row(
                        (dynamo ? "dynamo/" : "") + dir.getFileName(),
                        List.of(
                                m.engine.info().precision().label(),
                                "" + m.found().size(),
                                "" + HookPatterns.all(m.spec).size())));
            }
        }
    }

    private static List<Path> exported() throws IOException {
        List<Path> dirs = new ArrayList<>();
        for (Path root : List.of(ExportedTest.ROOT, DynamoTest.ROOT)) {
            try (Stream<Path> all = Files.list(root)) {
                dirs.addAll(all.filter(Files::isDirectory).sorted().toList());
            }
        }
        return dirs;
    }

    private static void table(StringBuilder out, String engine, String form, Map<String, String> found)
            throws IOException {
        String heading = engine + ", " + form;
        List<String> labels = columns().stream().map(Column::label).toList();
        out.append(row("model", labels))
                .append("|---".repeat(labels.size() + 1))
                .append("|\n");
        for (Model m : models()) {
            out.append(row(
                    m.name(),
                    labels.stream()
                            .map(l -> found.get(heading + "/" + m.name() + "/" + l))
                            .toList()));
        }
    }

    private static String row(String first, List<String> cells) {
        return Stream.concat(Stream.of(first), cells.stream()).collect(Collectors.joining(" | ", "| ", " |\n"));
    }
}
