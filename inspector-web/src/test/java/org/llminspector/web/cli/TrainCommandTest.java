package org.llminspector.web.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A recipe of two stages, made whole and from its second. */
class TrainCommandTest {

    @TempDir
    Path temp;

    private Path recipe;

    @BeforeEach
    void write() throws IOException {
        Path corpus =
                Files.writeString(temp.resolve("corpus.txt"), "Ann has a ball.\n\nBob has a red ball.\n\n".repeat(50));
        Path tokenizer =
                Path.of("../inspector-core/src/test/resources/tokenizers/spm").toAbsolutePath();
        recipe = Files.writeString(temp.resolve("recipe.yaml"), """
                name: tiny
                corpus: %s
                tokenizer: %s
                model: {d_model: 16, n_layers: 1, n_heads: 2, n_kv_heads: 1, d_mlp: 16, context: 32}
                batch: 2
                steps: 8
                learning_rate: 0.01
                warmup_steps: 1
                validation_sequences: 2
                midtraining:
                  - {from: 4, first_document: 50, decay_steps: 2}
                """.formatted(corpus, tokenizer));
    }

    private final StringWriter err = new StringWriter();

    private int train(String out, String... more) {
        List<String> args = new ArrayList<>(List.of("train", "--device", "cpu", "--config", recipe.toString()));
        args.addAll(List.of("--out", temp.resolve(out).toString()));
        args.addAll(List.of(more));
        err.getBuffer().setLength(0);
        return InspectorCommand.run(
                new PrintWriter(new StringWriter()), new PrintWriter(err, true), args.toArray(String[]::new));
    }

    @Test
    void aStageIsMadeFromWhatAnotherRunKept() {
        assertThat(train("whole")).as(err.toString()).isZero();
        String whole = temp.resolve("whole").toString();
        assertThat(train("rest", "--from", whole, "--after", "4"))
                .as(err.toString())
                .isZero();
        assertThat(err.toString()).contains("step 8 of 8");
        for (String file : List.of("model.safetensors", "loss.csv", "recipe.json")) {
            assertThat(temp.resolve("rest").resolve(file))
                    .hasSameBinaryContentAs(temp.resolve("whole").resolve(file));
        }
    }

    @Test
    void whereNoStageBeginsIsSaid() {
        assertThat(train("none", "--from", "whole")).isEqualTo(2);
        assertThat(err.toString()).contains("--after");
        assertThat(train("none", "--from", "whole", "--after", "3")).isNotZero();
        assertThat(err.toString()).contains("no stage of the recipe begins there", "expected  4", "found     3");
        assertThat(train("none", "--from", "whole", "--after", "4", "--resume")).isNotZero();
        assertThat(err.toString()).contains("leave one of them out");
        assertThat(train("none", "--from", "whole", "--after", "4")).isNotZero();
        assertThat(err.toString()).contains("loss.csv").doesNotContain("Exception");
    }
}
