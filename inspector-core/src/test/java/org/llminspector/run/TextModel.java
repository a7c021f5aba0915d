package org.llminspector.run;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.llminspector.golden.Golden;

/** The golden llama with a tokenizer of the same vocabulary: a tiny real model that takes text. */
public final class TextModel {

    private TextModel() {}

    /** The program with this model and those of the goldens; runs are kept under {@code temp}. */
    public static Inspector open(Path temp, long captureBudget) {
        return Inspector.open(new InspectorConfig(
                List.of(Golden.ROOT, Golden.FAMILIES), make(temp), temp.resolve("runs"), 1L << 30, captureBudget, 4));
    }

    /** Makes the folder {@code tiny-text} under {@code root}. */
    public static Path make(Path root) {
        try {
            Path dir = Files.createDirectories(root.resolve("tiny-text"));
            for (Path from : List.of(
                    Path.of("src/test/resources/golden/hf/llama"), Path.of("src/test/resources/tokenizers/spm"))) {
                Path source =
                        Files.exists(from) ? from : Path.of("../inspector-core").resolve(from);
                try (Stream<Path> files = Files.list(source)) {
                    for (Path f : files.toList()) {
                        String name = f.getFileName().toString();
                        if (name.startsWith("golden")) continue;
                        Files.copy(f, dir.resolve(name), java.nio.file.StandardCopyOption.REPLACE_EXISTING);
                    }
                }
            }
            return dir;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
