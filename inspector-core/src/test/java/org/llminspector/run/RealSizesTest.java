package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.bench.SparseModel;
import org.llminspector.engine.Precision;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.run.models.Models;
import org.llminspector.run.models.Opening;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;

/** Checkpoints of published sizes open and run; opening one blocks nothing, can be cancelled, and heeds the budget. */
class RealSizesTest {

    @TempDir
    Path temp;

    /** Gemma 2 2B's embedding has more than 2^29 values: in float32 it is longer than any ByteBuffer. */
    @Test
    void aTableOfMoreValuesThanABufferHoldsRunsOnBothEngines() throws IOException {
        runs(new SparseModel("gemma-2-2b", 1), "torch", Precision.FP16);
        runs(new SparseModel("gemma-2-2b", 1), "onnx", Precision.INT8);
    }

    @Tag("long")
    @ParameterizedTest
    @CsvSource({
        "gemma-2-2b, 1, torch, FP32",
        "gemma-2-2b, 1, onnx, FP32",
        "gemma-2-2b, 1, onnx, INT4_32",
        "gemma-3-1b, 26, torch, FP16",
        "gemma-3-1b, 26, onnx, INT8",
        "llama-3.2-1b, 16, torch, FP16",
        "llama-3.2-1b, 16, onnx, INT8",
        "qwen2.5-1.5b, 28, torch, FP16",
        "qwen2.5-1.5b, 28, onnx, INT8",
        "qwen3-8b, 3, torch, FP16",
        "qwen3-8b, 3, onnx, INT8",
        "gemma-2-2b, 26, torch, FP16",
        "gemma-2-2b, 26, onnx, INT8"
    })
    void everySizeRuns(String name, int layers, String engine, Precision precision) throws IOException {
        runs(new SparseModel(name, layers), engine, precision);
    }

    private void runs(SparseModel model, String engine, Precision precision) throws IOException {
        Path dir = model.write(temp);
        try (Inspector inspector = inspector(dir, InspectorConfig.standardMemory())) {
            RunManifest run = inspector
                    .runs()
                    .run(
                            RunRequest.builder()
                                    .tokens(List.of(3))
                                    .engine(engine)
                                    .precision(precision)
                                    .capture(List.of())
                                    .generate(new GenerateOptions(
                                            2, true, null, null, null, null, null, null, null, null, true, null, null))
                                    .build(),
                            RunListener.NONE);
            assertThat(run.generation().steps()).hasSize(2);
            // Nothing but holes between embedding and unembedding: a tied token is nearest to itself.
            if (!model.name().startsWith("qwen3")) {
                assertThat(run.generation().steps())
                        .allSatisfy(t -> assertThat(t.token().id()).isEqualTo(3));
            }
            Models.Memory memory = inspector.models().memory();
            assertThat(memory.models()).hasSize(1);
            assertThat(memory.resident()).isPositive();
            Files.delete(dir.resolve("model.safetensors"));
        }
    }

    private Inspector inspector(Path model, long memory) {
        return Inspector.open(new InspectorConfig(
                List.of(model.getParent()),
                model,
                temp.resolve("runs"),
                1L << 30,
                1L << 30,
                memory,
                4,
                temp.resolve("trained"),
                System.getenv()));
    }

    private Path tiny() throws IOException {
        return copy("tiny", Path.of("src/test/resources/golden/hf/llama"));
    }

    private Path copy(String name, Path from) throws IOException {
        Path dir = Files.createDirectories(temp.resolve("models").resolve(name));
        for (String file : List.of("config.json", "model.safetensors")) {
            Files.copy(from.resolve(file), dir.resolve(file), StandardCopyOption.REPLACE_EXISTING);
        }
        return dir;
    }

    private static RunRequest two(String model) {
        return RunRequest.builder()
                .model(model)
                .tokens(List.of(1, 2))
                .capture(List.of())
                .build();
    }

    @Test
    void whileAModelOpensOthersRunAndItCanBeGivenUp() throws IOException {
        Path tiny = tiny();
        new SparseModel("gemma-2-2b", 2).write(tiny.getParent());
        try (Inspector inspector = inspector(tiny, InspectorConfig.standardMemory())) {
            AtomicBoolean cancelled = new AtomicBoolean();
            List<Opening.Progress> seen = new ArrayList<>();
            RunRequest big = RunRequest.builder()
                    .model("gemma-2-2b-2")
                    .precision(Precision.FP16)
                    .build();
            assertThatThrownBy(() -> inspector
                            .models()
                            .load(
                                    big,
                                    progress -> {
                                        if (cancelled.get()) return;
                                        seen.add(progress);
                                        // It is being opened, and this thread only watches: all else continues.
                                        assertThat(inspector.models().list()).hasSize(2);
                                        assertThat(inspector
                                                        .runs()
                                                        .run(two("tiny"), RunListener.NONE)
                                                        .tokens())
                                                .hasSize(2);
                                        assertThat(inspector.models().hooks("gemma-2-2b-2", null))
                                                .isNotEmpty();
                                        cancelled.set(true);
                                    },
                                    cancelled::get))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CANCELLED));
            assertThat(seen).hasSize(1);
            assertThat(seen.get(0).of()).isGreaterThan(1_000_000_000);
            assertThat(inspector.models().memory().models())
                    .extracting(Models.OpenModel::model)
                    .containsExactly("tiny");
        }
    }

    @Test
    void theEngineUsedLongestAgoMakesRoomAndWhatNeverFitsIsRefused() throws IOException {
        Path tiny = tiny();
        copy("other", tiny);
        copy("third", tiny);
        long one;
        try (Inspector inspector = inspector(tiny, InspectorConfig.standardMemory())) {
            inspector.models().load(fp16("tiny"));
            one = inspector.models().memory().resident();
        }
        assertThat(one).isPositive();
        try (Inspector inspector = inspector(tiny, 2 * one + one / 2)) {
            for (String model : List.of("tiny", "other", "tiny", "third"))
                inspector.models().load(fp16(model));
            assertThat(inspector.models().memory().models())
                    .extracting(Models.OpenModel::model)
                    .containsExactly("tiny", "third");
        }
        try (Inspector inspector = inspector(tiny, one / 4)) {
            assertThatThrownBy(() -> inspector.models().load(fp16("tiny")))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE))
                    .hasMessageContaining("memory budget");
        }
    }

    private static RunRequest fp16(String model) {
        return RunRequest.builder().model(model).precision(Precision.FP16).build();
    }

    @Test
    void aModelThatChangesOnDiskIsOpenedAnewAndNoLensJoinsItToAnOlderRun() throws IOException {
        Path tiny = tiny();
        try (Inspector inspector = inspector(tiny, InspectorConfig.standardMemory())) {
            RunRequest request = RunRequest.builder()
                    .model("tiny")
                    .tokens(List.of(1, 2))
                    .capture(List.of("blocks.*.hook_resid_post"))
                    .build();
            RunManifest before = inspector.runs().run(request, RunListener.NONE);
            Path next = copy("next", tiny).resolve("model.safetensors");
            byte[] bytes = Files.readAllBytes(next);
            bytes[bytes.length - 1] ^= 1;
            Files.write(next, bytes);
            Files.move(
                    next,
                    tiny.resolve("model.safetensors"),
                    StandardCopyOption.REPLACE_EXISTING,
                    StandardCopyOption.ATOMIC_MOVE);
            assertThatThrownBy(() -> inspector
                            .analyses()
                            .runs()
                            .lens(before.id(), org.llminspector.hook.HookPoint.RESID_POST, 3, Slice.ALL))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("others than those that the run was made with");
            RunManifest after = inspector.runs().run(request, RunListener.NONE);
            assertThat(after.model().weightsSha256())
                    .isNotEqualTo(before.model().weightsSha256());
            assertThat(inspector.models().memory().models()).hasSize(1);
        }
    }
}
