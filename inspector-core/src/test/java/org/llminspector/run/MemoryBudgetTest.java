package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.golden.Golden;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.train.Recipe;

/** The memory budget bounds what a request can reach, before anything is allocated for it. */
class MemoryBudgetTest {

    private static final int CONTEXT = 131_072;

    /** Bytes of a position in the tiny model: 4 layers of 2 heads, key and value, 16 float32 each. */
    private static final long ROW = 4 * 2 * 2 * 16 * 4;

    @TempDir
    Path temp;

    /** The tiny model with a context of 131,072 positions, whose cache would take 128 MiB. */
    private Inspector open(long memory) throws IOException {
        Path dir = TextModel.make(temp);
        ObjectMapper json = new ObjectMapper();
        ObjectNode config =
                (ObjectNode) json.readTree(dir.resolve("config.json").toFile());
        json.writeValue(dir.resolve("config.json").toFile(), config.put("max_position_embeddings", CONTEXT));
        return Inspector.open(new InspectorConfig(
                List.of(Golden.ROOT),
                dir,
                temp.resolve("runs"),
                1L << 30,
                64 << 20,
                memory,
                4,
                temp.resolve("trained"),
                Map.of()));
    }

    private static RunRequestBuilder asking(String engine, int tokens) {
        return Requests.tokens(1, 2, 3).engine(engine).device("cpu").generate(Requests.greedy(tokens));
    }

    private static void tooLarge(ThrowingCallable work, String... words) {
        assertThatThrownBy(work).isInstanceOfSatisfying(Problem.class, p -> {
            assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
            assertThat(p.getMessage()).contains(words);
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"torch", "onnx"})
    void aRunSetsAsideWhatItsTokensTakeAndNotWhatTheContextWould(String engine) throws IOException {
        try (Inspector inspector = open(1L << 30)) {
            RunManifest run = inspector.runs().run(asking(engine, 5).build(), RunListener.NONE);
            assertThat(run.generation().limit()).isEqualTo("max_new_tokens");
            // 8 tokens can be reached; the first chunk is of 256 positions at most.
            assertThat(run.kvCache().allocatedBytes()).isLessThanOrEqualTo(256 * ROW);
            assertThat(inspector.models().memory().holders())
                    .extracting(MemoryLedger.Holder::kind)
                    .as("a run that has ended reserves nothing")
                    .doesNotContain("sequence", "pass");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"torch", "onnx"})
    void moreTokensThanTheBudgetHoldsAreRefusedAndTheWholeContextEndsWhereItDoes(String engine) throws IOException {
        long memory = 6 << 20; // the weights take less than two on either engine
        try (Inspector inspector = open(memory)) {
            RunRequest tooMany = asking(engine, 100_000).build();
            tooLarge(
                    () -> inspector.runs().run(tooMany, RunListener.NONE),
                    "max_new_tokens",
                    "--memory",
                    "100003 positions");
            RunRequest whole = asking(engine, CONTEXT).build();
            int[] most = {0};
            RunManifest run = inspector.runs().run(whole, new RunListener() {
                @Override
                public void token(
                        org.llminspector.generate.GeneratedToken token,
                        org.llminspector.engine.cache.KvCacheReport kv) {
                    most[0] =
                            Math.max(most[0], (int) (inspector.models().memory().held() >> 10));
                }
            });
            assertThat(run.generation().finishReason()).isEqualTo("length");
            assertThat(run.generation().limit()).isEqualTo("memory");
            assertThat(run.tokens().size() * ROW).isBetween(memory / 4, memory);
            assertThat(most[0]).isBetween(1, (int) (memory >> 10));
        }
    }

    /** Five formats of keys and values, one copy of the weights. */
    @Test
    void cachesOfEveryFormatShareTheWeightsOfOneOpenModel() throws IOException {
        try (Inspector inspector = open(1L << 30)) {
            for (KvFormat key : List.of(KvFormat.FP32, KvFormat.FP16, KvFormat.INT8)) {
                for (KvFormat value : List.of(KvFormat.FP32, KvFormat.INT8)) {
                    KvFormats formats = new KvFormats(key, value);
                    RunManifest run = inspector
                            .runs()
                            .run(asking("torch", 3).kvCache(formats).build(), RunListener.NONE);
                    assertThat(run.kvCache().formats()).isEqualTo(formats);
                    boolean told = run.engine().arithmetic().contains("KV cache in " + formats.words());
                    assertThat(told).isEqualTo(!formats.equals(KvFormats.FP32));
                }
            }
            assertThat(inspector.models().memory().models()).hasSize(1);
        }
    }

    @Test
    void aTrainingJobIsCountedBeforeItBegins() throws IOException {
        try (Inspector inspector = open(2L << 30)) {
            ObjectMapper json = Json.mapper();
            String shape = "{\"name\":\"big\",\"task\":\"modular_addition\",\"modulus\":97,\"seed\":1,"
                    + "\"steps\":3,\"batch\":2,\"learning_rate\":0.001,\"model\":{\"d_model\":%d,\"n_layers\":%d,"
                    + "\"n_heads\":4,\"n_kv_heads\":4,\"d_mlp\":%d,\"context\":64}}";
            Recipe large = json.readValue(String.format(shape, 1024, 8, 4096), Recipe.class);
            tooLarge(() -> inspector.training().jobs().begin(large, "cpu"), "recipe.model", "--memory");
            Recipe huge = json.readValue(String.format(shape, 4096, 16, 16_384), Recipe.class);
            tooLarge(
                    () -> inspector.training().jobs().begin(huge, "cpu"), "at most 536,870,909 parameters", "n_layers");
            assertThat(inspector.training().jobs().list()).isEmpty();
            assertThat(inspector.models().memory().held("training")).isZero();
        }
    }

    @Test
    void aLearnerIsCountedBeforeItBegins() throws IOException {
        try (Inspector inspector = open(4 << 20)) {
            tooLarge(() -> inspector.training().learning().learner("tiny-text", "cpu"), "two moments", "tiny-text");
            assertThat(inspector.models().memory().held("learner")).isZero();
        }
    }
}
