package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llminspector.run.Requests.tokens;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.compare.ComparisonListener;
import org.llminspector.run.learn.TrainingJob;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.train.Recipe;

/** Where people count with other digits and have other small letters, files and numbers are what they are anywhere. */
class LocaleTest {

    @TempDir
    Path temp;

    private final Locale before = Locale.getDefault();

    @BeforeEach
    void set() {
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        assertThat(String.format("%d", 12)).isNotEqualTo("12"); // the JDK really does so here
    }

    @AfterEach
    void restore() {
        Locale.setDefault(before);
    }

    @Test
    void whatIsWrittenIsFoundAgain() throws IOException {
        String recipe = """
                {"name":"sums","task":"modular_addition","modulus":7,"train_share":0.5,"steps":12,"learning_rate":0.01,
                 "warmup_steps":0,"validate_every":2,"save_every":4,"checkpoint_steps":[0,12],"dtype":"f32",
                 "model":{"d_model":16,"n_layers":1,"n_heads":2,"n_kv_heads":2,"d_mlp":16,"context":4}}""";
        try (Inspector inspector = TextModel.open(temp, 2L << 20)) {
            inspector.training().jobs().begin(Json.mapper().readValue(recipe, Recipe.class), "cpu");
            TrainingJob job = inspector.training().jobs().watch("sums", p -> {}, () -> false);
            assertThat(job.trouble()).isNull();
            assertThat(job.step()).isEqualTo(12);
            assertThat(Files.readString(temp.resolve("trained/sums/loss.csv"))).matches("\\p{ASCII}+");
            assertThat(inspector.training().records().checkpoints("sums").checkpoints())
                    .extracting(c -> c.slug())
                    .containsExactly("sums@0", "sums@12");
            RunManifest run = inspector
                    .runs()
                    .run(
                            tokens(1, 2, 7)
                                    .model("sums@12")
                                    .capture(List.of("logits"))
                                    .build(),
                            RunListener.NONE);
            assertThat(inspector.runs().stored().list(10, null)).hasSize(1);
            assertThat(inspector.runs().stored().manifest(run.id())).isEqualTo(run);
            try (Stream<Path> files = Files.walk(temp)) {
                assertThat(files.map(Path::toString)).allMatch(f -> f.matches("\\p{ASCII}+"));
            }
        }
    }

    @Test
    void numbersAreReadAsTheyAreWrittenAndTitlesAreInOurDigits() {
        try (Inspector inspector = TextModel.open(temp, 2L << 20)) {
            String id = inspector
                    .comparisons()
                    .compare(
                            new ComparisonRequest(
                                    tokens(1, 2).build(),
                                    RunRequest.builder().build(),
                                    null,
                                    null,
                                    new ComparisonRequest.Options(
                                            List.of("blocks.*.hook_resid_post"),
                                            false,
                                            null,
                                            null,
                                            null,
                                            false,
                                            null,
                                            null),
                                    null,
                                    null),
                            ComparisonListener.NONE)
                    .id();
            assertThat(inspector.comparisons().list(10, null))
                    .extracting(c -> c.id())
                    .containsExactly(id);
            assertThatThrownBy(() -> inspector
                            .runs()
                            .run(
                                    tokens(1, 2)
                                            .capture(List.of("blocks.0.hook_resid_pos"))
                                            .build(),
                                    RunListener.NONE))
                    .isInstanceOf(Problem.class)
                    .hasMessageContaining("hook_resid_post")
                    .hasMessageMatching("\\p{ASCII}+");
        }
    }
}
