package org.llminspector.hub;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.llminspector.base.Problem;

/**
 * ModelCache lists the models on this machine: the subfolders of its roots, and {@code models--org--name} folders
 * of a Hugging Face cache ({@code $HF_HUB_CACHE}, {@code $HF_HOME/hub}, {@code ~/.cache/huggingface/hub}).
 */
public final class ModelCache {

    /**
     * A model found on disk.
     *
     * @param slug its name in requests: the folder's, or {@code org--name}
     * @param source {@code given}, {@code model-cache} or {@code hf-cache}
     */
    public record Found(String slug, Path dir, String source) {}

    private final Path given;
    private final List<Path> roots;

    /**
     * @param given a model folder named by the user, or null; it wins over others of its slug
     * @param roots folders whose subfolders are models
     */
    public ModelCache(Path given, List<Path> roots) {
        this.given = given == null ? null : given.toAbsolutePath().normalize();
        this.roots = List.copyOf(roots);
        if (given != null && !Files.isDirectory(given)) {
            throw Problem.notFound("the model folder does not exist")
                    .where(given)
                    .expected("a folder with config.json and *.safetensors")
                    .instead("check the path, or leave --model out");
        }
    }

    /** Every model, the given one first; a slug appears once. */
    public List<Found> list() {
        Map<String, Found> found = new LinkedHashMap<>();
        if (given != null) {
            Path name = given.getFileName();
            String slug = name == null ? "model" : name.toString();
            found.put(slug, new Found(slug, given, "given"));
        }
        for (Path root : roots) scan(root, "model-cache", found);
        scan(huggingFaceCache(), "hf-cache", found);
        return new ArrayList<>(found.values());
    }

    /** The model of this slug. */
    public Found find(String slug) {
        List<Found> all = list();
        return all.stream().filter(f -> f.slug().equals(slug)).findFirst().orElseThrow(() -> Problem.notFound(
                        "there is no such model")
                .where("model " + slug)
                .found(
                        all.isEmpty()
                                ? "no models"
                                : String.join(
                                        ", ", all.stream().map(Found::slug).toList()))
                .instead("name one of those, or start with --model DIR"));
    }

    private static void scan(Path root, String source, Map<String, Found> found) {
        if (!Files.isDirectory(root)) return;
        try (Stream<Path> children = Files.list(root)) {
            children.filter(Files::isDirectory).sorted().forEach(dir -> {
                String name = dir.getFileName().toString();
                if (name.startsWith("models--")) {
                    Path snapshot = snapshot(dir);
                    String slug = name.substring("models--".length());
                    if (snapshot != null) found.putIfAbsent(slug, new Found(slug, snapshot, "hf-cache"));
                } else if (Files.exists(dir.resolve("config.json"))) {
                    found.putIfAbsent(name, new Found(name, dir, source));
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** snapshots/REVISION as refs/main names it, or the only one there is. */
    private static Path snapshot(Path repo) {
        try {
            Path main = repo.resolve("refs/main");
            if (Files.exists(main)) {
                Path dir =
                        repo.resolve("snapshots").resolve(Files.readString(main).trim());
                if (Files.exists(dir.resolve("config.json"))) return dir;
            }
            Path snapshots = repo.resolve("snapshots");
            if (!Files.isDirectory(snapshots)) return null;
            try (Stream<Path> all = Files.list(snapshots)) {
                return all.filter(d -> Files.exists(d.resolve("config.json")))
                        .findFirst()
                        .orElse(null);
            }
        } catch (IOException | java.nio.file.InvalidPathException e) {
            return null;
        }
    }

    private static Path huggingFaceCache() {
        return HubSettings.cache(System.getenv(), Path.of(System.getProperty("user.home")));
    }
}
