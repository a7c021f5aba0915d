package org.llminspector.run.store;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.sqlite.util.LibraryLoaderUtil;

class SqliteLibraryTest {

    @TempDir
    Path temp;

    @Test
    void theLibraryIsUnpackedOnce() throws Exception {
        Path folder = SqliteLibrary.unpacked(temp);
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).containsExactly(folder.resolve(LibraryLoaderUtil.getNativeLibName()));
        }
        assertThat(SqliteLibrary.unpacked(temp)).isEqualTo(folder);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theDriverTakesIt() throws Exception {
        RunStore.open(temp.resolve("runs"), 1 << 20).close();
        String kept = System.getProperty("org.sqlite.lib.path");
        assertThat(kept).isNotNull();
        try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
            assertThat(maps).anyMatch(line -> line.endsWith(kept + "/" + LibraryLoaderUtil.getNativeLibName()));
        }
    }
}
