package org.llminspector.hub;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** CacheListing is a cache as text: one line per file, with its bytes or where it links to, and what refs say. */
final class CacheListing {

    private CacheListing() {}

    /** Without locks and huggingface_hub's own notes ({@code trees}). The same is in resources/hub/listing.py. */
    static List<String> of(Path cache) throws IOException {
        List<String> lines = new ArrayList<>();
        try (Stream<Path> all = Files.walk(cache)) {
            for (Path path : all.sorted().toList()) {
                String name = cache.relativize(path).toString().replace('\\', '/');
                if (name.contains(".locks") || name.contains("/trees")) continue;
                if (Files.isSymbolicLink(path)) lines.add(name + " -> " + Files.readSymbolicLink(path));
                else if (name.contains("/refs/") && Files.isRegularFile(path))
                    lines.add(name + " = " + Files.readString(path));
                else if (Files.isRegularFile(path)) lines.add(name + " " + Files.size(path));
            }
        }
        lines.sort(null);
        return lines;
    }
}
