package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WritesTest {

    @TempDir
    private Path folder;

    /** A file written in place is empty for a moment: a model that trained could then not be opened. */
    @Test
    void whoReadsMeanwhileNeverSeesAPart() throws Exception {
        Path file = folder.resolve("config.json");
        String a = "a".repeat(100_000);
        String b = "b".repeat(50_000);
        Writes.replace(file, a);
        AtomicBoolean done = new AtomicBoolean();
        AtomicInteger reads = new AtomicInteger();
        CompletableFuture<Void> reader = CompletableFuture.runAsync(() -> {
            while (!done.get()) {
                assertThat(Set.of(a, b).contains(Reads.uninterrupted(file, () -> Files.readString(file))))
                        .isTrue();
                reads.incrementAndGet();
            }
        });
        try {
            for (int i = 0; i < 300 || (reads.get() < 300 && !reader.isDone()); i++)
                Writes.replace(file, i % 2 == 0 ? b : a);
        } finally {
            done.set(true);
        }
        reader.join();
        try (var files = Files.list(folder)) {
            assertThat(files).containsExactly(file);
        }
    }
}
