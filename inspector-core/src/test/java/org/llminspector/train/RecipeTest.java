package org.llminspector.train;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/** A recipe from outside is refused with the field that is wrong in it. */
class RecipeTest {

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    checkpoint_steps | [null, 100]
                    sequence_growth  | [null]
                    sequence_growth  | [2, null]
                    midtraining      | [null]
                    midtraining      | [{"from": 20, "first_document": 1, "decay_steps": 0}, null]
                    """)
    void anEntryThatIsNullIsRefused(String field, String value) throws Exception {
        Recipe recipe = Json.mapper().readValue("""
                        {"name": "x", "corpus": "tales", "steps": 100, "warmup_steps": 1, "learning_rate": 0.001, "batch": 2,
                         "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1, "d_mlp": 16, "context": 16},
                         "%s": %s}""".formatted(field, value), Recipe.class);
        assertThatThrownBy(recipe::checked).isInstanceOf(Problem.class).hasMessageContaining(field);
    }
}
