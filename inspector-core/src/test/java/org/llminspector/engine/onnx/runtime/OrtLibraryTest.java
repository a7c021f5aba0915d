package org.llminspector.engine.onnx.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

public class OrtLibraryTest {

    @TempDir
    Path temp;

    private static final FileTime LONG_AGO = FileTime.fromMillis(1_000_000_000_000L);

    private Path library() throws IOException {
        Path folder = OrtLibrary.unpacked(temp);
        assumeThat(folder).as("the CUDA build unpacks for itself").isNotNull();
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                    .containsExactlyInAnyOrder(
                            System.mapLibraryName("onnxruntime"), System.mapLibraryName("onnxruntime4j_jni"));
        }
        return folder.resolve(System.mapLibraryName("onnxruntime4j_jni"));
    }

    @Test
    void librariesAreUnpackedOnceAndMadeWholeAgain() throws IOException {
        Path file = library();
        byte[] whole = Files.readAllBytes(file);
        try (InputStream in =
                OrtLibrary.class.getResourceAsStream("/ai/onnxruntime/native/linux-x64/" + file.getFileName())) {
            if (in != null) assertThat(whole).isEqualTo(in.readAllBytes());
        }
        Files.setLastModifiedTime(file, LONG_AGO);
        assertThat(library()).isEqualTo(file);
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(LONG_AGO);

        Files.write(file, new byte[] {1, 2, 3}); // a disk that was full
        assertThat(Files.readAllBytes(library())).isEqualTo(whole);
    }

    @Test
    void theBindingTakesThem() {
        Ort.load();
        String kept = System.getProperty("onnxruntime.native.path");
        assumeThat(kept).as("the CUDA build, or a home that cannot be written").isNotNull();
        assertThat(Path.of(kept, System.mapLibraryName("onnxruntime"))).exists();
    }
}
