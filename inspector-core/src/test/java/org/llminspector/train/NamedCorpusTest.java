package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.learn.Training;

/** The library alone, without a module that has a corpus. */
class NamedCorpusTest {

    @TempDir
    Path folder;

    @Test
    void aNameWithoutItsModuleIsRefusedAndTheModuleNamed() throws Exception {
        assertThat(NamedCorpus.find("tales")).isEmpty();
        Recipe recipe = Json.mapper().readValue("""
                {"name": "x", "corpus": "tales", "steps": 1, "learning_rate": 0.001, "sequence": 16, "batch": 1,
                 "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "d_mlp": 16, "context": 16}}""", Recipe.class);
        assertThatThrownBy(() -> Training.begin(recipe, folder, "cpu"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such corpus")
                .hasMessageContaining("inspector-tales is not on the class path")
                .hasMessageContaining("or a text file");
    }
}
