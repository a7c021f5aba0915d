package org.llminspector.web.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Answers name folders without their paths on the server's machine. */
class PathsTest extends LiveTest {

    @Test
    void noAnswerTellsWhereAFolderLies() throws IOException {
        Path broken = Files.createDirectories(folder.resolve("models/broken"));
        Files.writeString(broken.resolve("config.json"), "{}");
        Path job = Files.createDirectories(folder.resolve("trained/job"));
        Files.writeString(job.resolve("recipe.json"), "{");
        assertThat(live.get("/api/v1/models").json().at("/models").findValuesAsText("path"))
                .contains("models/bare", "models/broken", "tiny");
        for (String path : new String[] {
            "/api/v1/models",
            "/api/v1/models/tiny",
            "/api/v1/models/broken",
            "/api/v1/models/tiny/forms",
            "/api/v1/models/tiny/curve",
            "/api/v1/models/tiny/tensors/none",
            "/api/v1/models/none",
            "/api/v1/training-jobs",
            "/api/v1/training-jobs/job",
            "/api/v1/recipes",
            "/api/v1/runs/none",
            "/v1/models"
        }) {
            assertThat(live.get(path).text()).as(path).doesNotContain(folder.toString());
        }
        String asked = live.post("/api/v1/runs", "{\"model\":\"broken\",\"tokens\":[1]}")
                .text();
        assertThat(asked).contains("models/broken").doesNotContain(folder.toString());
    }
}
