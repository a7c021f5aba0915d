package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.models.HookDescription;
import org.llminspector.run.models.Models;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.RunManifest;

/** An exported ONNX decoder as a model of the program. */
class ExportedModelTest {

    private static final Path ROOT = Path.of("src/test/resources/golden/onnx");

    @TempDir
    Path temp;

    private Inspector open(Path given) {
        return Inspector.open(new InspectorConfig(List.of(), given, temp.resolve("runs"), 1 << 30, 1 << 30, 4));
    }

    /** The exported llama with the tests' tokenizer. */
    private Path withText() throws Exception {
        Path dir = Files.createDirectories(temp.resolve("exported"));
        for (Path from : List.of(ROOT.resolve("llama"), Path.of("src/test/resources/tokenizers/spm"))) {
            try (Stream<Path> files = Files.list(from)) {
                for (Path f : files.toList()) Files.copy(f, dir.resolve(f.getFileName()));
            }
        }
        return dir;
    }

    @Test
    void readsTextAndGoesOn() throws Exception {
        try (Inspector inspector = open(withText())) {
            assertThat(inspector.models().list().get(0).trouble()).isNull();
            assertThat(inspector.models().details("exported").summary().parameters())
                    .isGreaterThan(1000);
            assertThat(inspector.models().weights().list("exported"))
                    .anyMatch(t -> t.name().equals("model.embed_tokens.weight"));
            RunManifest run =
                    inspector.runs().run(request(null, null, List.of("blocks.*.attn.hook_pattern")), RunListener.NONE);
            assertThat(run.model().weightsSha256()).hasSize(64);
            assertThat(run.engine().name()).isEqualTo("onnx");
            assertThat(run.engine().form()).isEqualTo("hooked");
            assertThat(run.generation().steps()).hasSize(4);
            assertThat(run.captures()).hasSize(2);
            assertThat(inspector.models().list().get(0).exported()).isTrue();
            RunManifest more = inspector
                    .runs()
                    .recaptures()
                    .extend(run.id(), new RecaptureRequest(List.of("blocks.*.hook_resid_post"), null, null));
            assertThat(more.captures()).hasSize(4);
            assertThat(more.recaptures().get(0).agreement().bitEqual()).isTrue();
            assertThatThrownBy(() -> inspector
                            .runs()
                            .recaptures()
                            .extend(run.id(), new RecaptureRequest(List.of("blocks.*.attn.hook_result"), null, null)))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED))
                    .hasMessageContaining("blocks.0.attn.hook_result");
            assertThat(inspector.models().load(request(null, null, List.of())).name())
                    .isEqualTo("onnx");
            assertThatThrownBy(() -> inspector.runs().run(request("torch", null, List.of()), RunListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("onnx engine only");
            assertThatThrownBy(() -> inspector.runs().run(request(null, Precision.INT8, List.of()), RunListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("int8");
            assertThatThrownBy(() -> inspector
                            .runs()
                            .run(request(null, null, List.of("blocks.*.attn.hook_result")), RunListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("blocks.0.attn.hook_result");
        }
    }

    @Test
    void saysWhichHooksItShows() {
        try (Inspector inspector = open(ROOT.resolve("fused/model.onnx"))) {
            assertThat(inspector.models().defaultSlug()).isEqualTo("fused");
            HookDescription pattern = inspector.models().hooks("fused", null).stream()
                    .filter(h -> h.name().equals("blocks.{i}.attn.hook_pattern"))
                    .findFirst()
                    .orElseThrow();
            assertThat(pattern.available()).isFalse();
            assertThat(pattern.why()).contains("GroupQueryAttention");
            assertThat(pattern.instead()).contains("safetensors");
            assertThat(inspector.models().hooks("fused", null))
                    .anyMatch(h -> h.available() && h.name().equals("blocks.{i}.attn.hook_rot_k"));
            assertThatThrownBy(() -> inspector.models().hooks("fused", "torch")).isInstanceOf(Problem.class);
            assertThatThrownBy(() ->
                            inspector.models().weights().slice("fused", "embed.weight", "int8-channel", null, null))
                    .isInstanceOf(Problem.class);
        }
        try (Inspector inspector = open(ROOT.resolve("gpt2/onnx/model.onnx"))) {
            assertThat(inspector.models().defaultSlug()).isEqualTo("gpt2");
            assertThat(inspector.models().list().get(0).trouble()).isNull();
        }
    }

    /** A folder as onnx-community has them: one model in several precisions, with or without its safetensors. */
    @Test
    void everyGraphOfAFolderIsAModel() throws Exception {
        Path roots = Files.createDirectories(temp.resolve("models"));
        Path dir = Files.createDirectories(roots.resolve("org--llama"));
        Path graph = ROOT.resolve("llama/model.onnx");
        Files.copy(ROOT.resolve("llama/config.json"), dir.resolve("config.json"));
        Files.createDirectory(dir.resolve("onnx"));
        Files.copy(graph, dir.resolve("onnx/model.onnx"));
        Files.copy(graph, dir.resolve("onnx/model_q4.onnx"));
        assertThat(slugs(null, roots)).containsExactly("org--llama", "org--llama--model_q4");
        assertThat(slugs(dir.resolve("onnx/model_q4.onnx"), roots)).startsWith("org--llama--model_q4");
        assertThat(slugs(dir, roots)).containsExactly("org--llama", "org--llama--model_q4");
        Files.move(dir.resolve("onnx/model.onnx"), dir.resolve("onnx/model_int8.onnx"));
        assertThat(slugs(null, roots)).containsExactly("org--llama--model_int8", "org--llama--model_q4");
        assertThat(slugs(dir, roots)).containsExactly("org--llama--model_int8", "org--llama--model_q4");
        Files.writeString(dir.resolve("model.safetensors"), "");
        assertThat(slugs(null, roots)).containsExactly("org--llama", "org--llama--model_int8", "org--llama--model_q4");
    }

    private List<String> slugs(Path given, Path root) {
        try (Inspector inspector =
                Inspector.open(new InspectorConfig(List.of(root), given, temp.resolve("runs"), 1 << 30, 1 << 30, 4))) {
            return inspector.models().list().stream()
                    .map(Models.ModelSummary::slug)
                    .toList();
        }
    }

    /** Either side may be exported, named as models are; what only one shows is left out with a reason. */
    @Test
    void isCompared() throws Exception {
        Path root = Files.createDirectories(temp.resolve("models"));
        Path odd = Path.of("src/test/resources/golden/odd/qwen3");
        copy(odd, root.resolve("own"));
        copy(Path.of("src/test/resources/golden/dynamo/qwen3"), root.resolve("theirs"));
        try (Inspector inspector =
                Inspector.open(new InspectorConfig(List.of(root), null, temp.resolve("runs"), 1 << 30, 1 << 30, 4))) {
            for (boolean first : new boolean[] {true, false}) {
                ComparisonManifest m = inspector
                        .comparisons()
                        .compare(
                                comparison(first ? "theirs" : "own", first ? "own" : "theirs", null),
                                ComparisonListener.NONE);
                assertThat(m.hooks()).hasSize(31).allMatch(row -> row.relativeL2() < 1e-5);
                assertThat(m.skipped())
                        .anyMatch(skip -> skip.hook().name().equals("blocks.0.attn.hook_pattern")
                                && skip.why().startsWith("not in " + (first ? "A" : "B")));
                assertThat(m.prompt().meanKld().value()).isLessThan(1e-6);
                if (first) assertThat(m.modules()).hasSize(5);
                else assertThat(m.modulesWhy()).contains("exported ONNX graph").contains("swap the sides");
            }
            assertThatThrownBy(() -> inspector
                            .comparisons()
                            .compare(comparison("own", "theirs", Precision.INT8), ComparisonListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("the precision that it was exported in");
        }
    }

    private static ComparisonRequest comparison(String a, String b, Precision ofB) {
        RunRequest sideA =
                RunRequest.builder().model(a).tokens(List.of(3, 1, 4, 1, 5)).build();
        RunRequest sideB = RunRequest.builder().model(b).precision(ofB).build();
        return new ComparisonRequest(
                sideA,
                sideB,
                null,
                null,
                new ComparisonRequest.Options(null, null, null, null, null, false, null, null),
                null,
                null);
    }

    private static void copy(Path from, Path to) throws Exception {
        Files.createDirectories(to);
        try (Stream<Path> files = Files.list(from)) {
            for (Path f : files.toList()) Files.copy(f, to.resolve(f.getFileName()));
        }
    }

    private static RunRequest request(String engine, Precision precision, List<String> capture) {
        GenerateOptions greedy =
                new GenerateOptions(4, true, null, null, null, null, null, null, null, null, null, null, null);
        return RunRequest.builder()
                .model("exported")
                .engine(engine)
                .precision(precision)
                .prompt("Once")
                .capture(capture)
                .generate(greedy)
                .build();
    }
}
