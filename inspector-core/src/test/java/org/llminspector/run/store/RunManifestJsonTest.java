package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;

/** RunManifest as JSON: what is written is what is read, under the names that REST promises. */
class RunManifestJsonTest {

    @Test
    void everyFieldSurvivesTheRoundTrip() throws JsonProcessingException {
        RunManifest manifest = Runs.manifest("20261125-003512-417-a1b2c3", Runs.capture(10));
        String json = Json.write(manifest);
        assertThat(Json.mapper().readValue(json, RunManifest.class)).isEqualTo(manifest);
    }

    @Test
    void enumsAreLowerCaseAndNamesSnakeCase() {
        String json = Json.write(Runs.manifest("20261125-003512-417-a1b2c3", Runs.capture(10)));
        assertThat(json)
                .contains("\"precision\" : \"fp32\"")
                .contains("\"op\" : \"replace\"")
                .contains("\"dtype\" : \"f32\"")
                .contains("\"hook\" : \"blocks.3.hook_resid_post\"")
                .contains("\"prompt_length\" : 1")
                .contains("\"kv_cache\" :")
                .doesNotContain("null");
    }

    @Test
    void aRunWithoutGenerationSurvivesToo() throws JsonProcessingException {
        RunManifest m = Runs.manifest("20261125-003512-417-a1b2c3", Runs.capture(10));
        RunManifest bare = new RunManifest(
                m.id(),
                m.created(),
                m.version(),
                null,
                m.request(),
                m.model(),
                m.engine(),
                m.tokens(),
                2,
                null,
                null,
                null,
                m.captures(),
                null,
                null,
                null);
        assertThat(Json.mapper().readValue(Json.write(bare), RunManifest.class)).isEqualTo(bare);
    }
}
