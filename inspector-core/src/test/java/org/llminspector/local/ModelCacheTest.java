package org.llminspector.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ModelCacheTest {

    @TempDir
    Path hub;

    /** A pull by commit leaves no refs/main: of several snapshots the latest is the model, whatever their names. */
    @Test
    void withoutRefsMainTheLatestSnapshotIsTheModel() throws IOException {
        Path later = snapshot("ffff", 2_000);
        snapshot("0000", 1_000);
        Path middle = snapshot("8888", 1_500);
        ModelCache cache = new ModelCache(null, List.of(), hub.resolve("trained"), () -> hub);
        assertThat(cache.find("org--tiny").dir()).isEqualTo(later);
        Files.setLastModifiedTime(middle, FileTime.fromMillis(3_000));
        assertThat(cache.find("org--tiny").dir()).isEqualTo(middle);
        Path refs = Files.createDirectories(hub.resolve("models--org--tiny/refs"));
        Files.writeString(refs.resolve("main"), "0000\n");
        assertThat(cache.find("org--tiny").dir()).endsWith(Path.of("0000"));
    }

    private Path snapshot(String commit, long millis) throws IOException {
        Path dir = Files.createDirectories(
                hub.resolve("models--org--tiny/snapshots").resolve(commit));
        Files.writeString(dir.resolve("config.json"), "{}");
        Files.setLastModifiedTime(dir, FileTime.fromMillis(millis));
        return dir;
    }
}
