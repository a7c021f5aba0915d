package org.llminspector.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

class GenerateOptionsTest {

    @Test
    void nothingGivenIsGreedy() {
        assertThat(GenerateOptions.DEFAULTS.withDefaults())
                .isEqualTo(new GenerateOptions(
                        20, true, null, null, null, null, 1.0, null, List.of(), 10, false, 0.0, 0.0));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"temperature\": 0.5}",
                "{\"top_k\": 5}",
                "{\"top_p\": 0.5}",
                "{\"min_p\": 0.5}",
                "{\"seed\": 5}",
                "{\"greedy\": false}"
            })
    void aSamplingFieldSamples(String json) throws Exception {
        GenerateOptions o = read(json).withDefaults();
        assertThat(o.greedy()).isFalse();
        assertThat(o.seed()).isNotNull();
        assertThat(o.temperature()).isPositive();
        assertThat(o.withDefaults()).isEqualTo(o);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"temperature\": 0}",
                "{\"temperature\": 0, \"greedy\": true}",
                "{\"greedy\": true, \"seed\": 3}"
            })
    void theseAreGreedy(String json) throws Exception {
        GenerateOptions o = read(json).withDefaults();
        assertThat(o.greedy()).isTrue();
        assertThat(o.seed()).isNull();
        assertThat(o.temperature()).isNull();
        assertThat(o.withDefaults()).isEqualTo(o);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"max_new_tokens\": -1}                     | generate.max_new_tokens     | 0 to 1000000",
                "{\"max_new_tokens\": 1000001}                | generate.max_new_tokens     | 0 to 1000000",
                "{\"temperature\": -1}                        | generate.temperature        | more than 0",
                "{\"temperature\": 0, \"greedy\": false}      | generate.temperature        | more than 0",
                "{\"temperature\": \"NaN\"}                   | generate.temperature        | more than 0",
                "{\"temperature\": \"Infinity\"}              | generate.temperature        | at most 100",
                "{\"top_k\": -1}                              | generate.top_k              | 0 to",
                "{\"top_p\": 0}                               | generate.top_p              | at most 1",
                "{\"top_p\": 1.1}                             | generate.top_p              | at most 1",
                "{\"min_p\": 1.1}                             | generate.min_p              | 0 to 1",
                "{\"repetition_penalty\": 0}                  | generate.repetition_penalty | more than 0",
                "{\"stop\": [\"\"]}                           | generate.stop               | not empty",
                "{\"stop\": [null]}                           | generate.stop               | not empty",
                "{\"alternatives\": 1001}                     | generate.alternatives       | 0 to 1000",
                "{\"greedy\": true, \"temperature\": 0.7}     | generate.temperature        | greedy",
                "{\"greedy\": true, \"top_k\": 3}             | generate.top_k              | greedy",
                "{\"temperature\": 0, \"top_p\": 0.5}         | generate.top_p              | greedy"
            })
    void aFieldOutOfItsRangeIsNamed(String json, String where, String expected) throws Exception {
        GenerateOptions o = read(json);
        assertThatThrownBy(o::withDefaults)
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.INVALID))
                .hasMessageContaining(where)
                .hasMessageContaining(expected);
    }

    private static GenerateOptions read(String json) throws Exception {
        return Json.mapper().readValue(json, GenerateOptions.class);
    }
}
