package org.llminspector.local;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;

/**
 * Index of the models on this machine: subfolders and .gguf files of its roots, and {@code models--org--name} folders
 * of a Hugging Face cache ({@code $HF_HUB_CACHE}, {@code $HF_HOME/hub}, {@code ~/.cache/huggingface/hub}). In a folder
 * with several .gguf files and no other weights each file is a model; likewise {@link OnnxModels exported graphs}.
 */
public final class ModelCache {

    /**
     * A model found on disk.
     *
     * @param slug its name in requests: the folder's, {@code org--name}, or that of a .gguf file without {@code .gguf}
     * @param dir the model's folder, or its .gguf or .onnx file
     * @param source {@code given}, {@code model-cache}, {@code hf-cache} or {@code trained}
     * @param checkpointOf the model that this is a training checkpoint of, or null
     * @param step updates made up to a checkpoint, or null
     */
    public record Found(String slug, Path dir, String source, String checkpointOf, Long step) {
        Found(String slug, Path dir, String source) {
            this(slug, dir, source, null, null);
        }

        /** The folder with the model's training record. */
        public Path trainingDir() {
            return checkpointOf == null ? dir : dir.resolve("../..").normalize();
        }
    }

    private static final Pattern CHECKPOINT = Pattern.compile("step-([0-9]{1,12})");

    private final Path given;
    private final List<Path> roots;
    private final Path trained;
    private final Supplier<Path> downloaded;

    /**
     * @param given a model folder, .gguf or .onnx file given by the user, or null; it takes precedence over others of
     *     its slug
     * @param roots folders whose subfolders are models
     * @param trained folder whose subfolders are models trained here
     * @param downloaded returns the Hugging Face cache's folder
     */
    public ModelCache(Path given, List<Path> roots, Path trained, Supplier<Path> downloaded) {
        this.given = given == null ? null : given.toAbsolutePath().normalize();
        this.roots = List.copyOf(roots);
        this.trained = trained;
        this.downloaded = downloaded;
        if (given != null && !Files.isDirectory(given) && !isGguf(given) && !OnnxModels.is(given)) {
            throw Problem.notFound("the model folder does not exist")
                    .where(given)
                    .expected("a folder with config.json and *.safetensors, a .gguf or an .onnx file")
                    .instead("check the path, or leave --model out");
        }
    }

    /** Every model except checkpoints, the given one first; slugs are unique. */
    public List<Found> list() {
        Map<String, Found> found = new LinkedHashMap<>();
        if (given != null) {
            String slug = slug(given);
            Map<String, Path> onnx = Files.isDirectory(given) ? OnnxModels.of(slug, given) : Map.of();
            if (stands(slug, given, onnx)) found.put(slug, new Found(slug, given, "given"));
            onnx.forEach((name, file) -> found.putIfAbsent(name, new Found(name, file, "given")));
        }
        for (Path root : roots) scan(root, "model-cache", found);
        scan(downloaded.get(), "hf-cache", found);
        scan(trained, "trained", found);
        return new ArrayList<>(found.values());
    }

    /** The model of this slug, or the checkpoint MODEL@STEP. */
    public Found find(String slug) {
        List<Found> all = list();
        Optional<Found> found = all.stream().filter(f -> f.slug().equals(slug)).findFirst();
        int at = slug.lastIndexOf('@');
        if (found.isEmpty() && at > 0) {
            found = all.stream()
                    .filter(f -> f.slug().equals(slug.substring(0, at)))
                    .flatMap(f -> checkpoints(f).stream())
                    .filter(f -> f.slug().equals(slug))
                    .findFirst();
        }
        return found.orElseThrow(() -> Problem.notFound("there is no such model")
                .where("model " + slug)
                .found(
                        all.isEmpty()
                                ? "no models"
                                : String.join(
                                        ", ", all.stream().map(Found::slug).toList()))
                .instead("name one of those, or start with --model DIR"));
    }

    /** A model's training checkpoints, checkpoints/step-N, earliest first. */
    public static List<Found> checkpoints(Found model) {
        Path folder = model.dir().resolve("checkpoints");
        if (!Files.isDirectory(folder)) return List.of();
        List<Found> found = new ArrayList<>();
        try (Stream<Path> children = Files.list(folder)) {
            children.forEach(child -> {
                Matcher name = CHECKPOINT.matcher(child.getFileName().toString());
                if (!name.matches() || !Files.exists(child.resolve("config.json"))) return;
                long step = Long.parseLong(name.group(1));
                found.add(new Found(model.slug() + "@" + step, child, model.source(), model.slug(), step));
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        found.sort(Comparator.comparing(Found::step));
        return found;
    }

    private static void scan(Path root, String source, Map<String, Found> found) {
        if (!Files.isDirectory(root)) return;
        try (Stream<Path> children = Files.list(root)) {
            children.sorted().forEach(child -> {
                String name = child.getFileName().toString();
                if (isGguf(child)) {
                    found.putIfAbsent(stem(child), new Found(stem(child), child, source));
                } else if (name.startsWith("models--")) {
                    Path snapshot = snapshot(child);
                    if (snapshot != null) put(name.substring("models--".length()), snapshot, "hf-cache", found);
                } else if (Files.isDirectory(child) && !name.startsWith(".")) {
                    put(name, child, source, found);
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The slug of a model's path. */
    public static String slug(Path model) {
        if (OnnxModels.is(model)) return OnnxModels.slug(model.toAbsolutePath().normalize());
        Path name = model.getFileName();
        return name == null ? "model" : isGguf(model) ? stem(model) : name.toString();
    }

    /** The root folder in which a model's path is found under its {@link #slug}. */
    public static Path root(Path model) {
        return OnnxModels.is(model) ? OnnxModels.folder(model).getParent() : model.getParent();
    }

    /** Whether the folder itself is a model: it has no graphs, a default graph, or other weights. */
    private static boolean stands(String slug, Path dir, Map<String, Path> onnx) {
        return onnx.isEmpty() || onnx.containsKey(slug) || OnnxModels.hasOthers(dir);
    }

    private static void put(String slug, Path dir, String source, Map<String, Found> found) {
        List<Path> ggufs = ggufs(dir);
        if (ggufs.size() > 1) {
            for (Path file : ggufs) found.putIfAbsent(stem(file), new Found(stem(file), file, source));
        } else if (!ggufs.isEmpty() || Files.exists(dir.resolve("config.json"))) {
            Map<String, Path> onnx = OnnxModels.of(slug, dir);
            if (stands(slug, dir, onnx)) {
                found.putIfAbsent(slug, new Found(slug, ggufs.isEmpty() ? dir : ggufs.get(0), source));
            }
            onnx.forEach((name, file) -> found.putIfAbsent(name, new Found(name, file, source)));
        }
    }

    /** A folder's GGUF models; none where it has safetensors. */
    private static List<Path> ggufs(Path dir) {
        try (Stream<Path> children = Files.list(dir)) {
            List<Path> files = children.sorted().toList();
            boolean others = files.stream().anyMatch(f -> f.toString().endsWith(".safetensors"));
            return others
                    ? List.of()
                    : files.stream().filter(ModelCache::isGguf).toList();
        } catch (IOException e) {
            return List.of();
        }
    }

    /** Whether it is a .gguf file, except a model's vision part (mmproj). */
    private static boolean isGguf(Path file) {
        Path name = file.getFileName();
        return name != null
                && name.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")
                && !name.toString().startsWith("mmproj")
                && Files.isRegularFile(file);
    }

    private static String stem(Path gguf) {
        String name = gguf.getFileName().toString();
        return name.substring(0, name.length() - ".gguf".length());
    }

    /** The snapshot of refs/main, or else the latest snapshot with a model. */
    private static Path snapshot(Path repo) {
        try {
            Path main = repo.resolve("refs/main");
            if (Files.exists(main)) {
                Path dir = repo.resolve("snapshots")
                        .resolve(Reads.text(main, Reads.SMALL).trim());
                if (isModel(dir)) return dir;
            }
            Path snapshots = repo.resolve("snapshots");
            if (!Files.isDirectory(snapshots)) return null;
            try (Stream<Path> all = Files.list(snapshots)) {
                return all.filter(ModelCache::isModel)
                        .max(Comparator.comparingLong(ModelCache::modified).thenComparing(Comparator.naturalOrder()))
                        .orElse(null);
            }
        } catch (IOException | Problem | java.nio.file.InvalidPathException e) {
            return null;
        }
    }

    /** Milliseconds; 0 for a folder that has just been deleted. */
    private static long modified(Path dir) {
        return dir.toFile().lastModified();
    }

    private static boolean isModel(Path dir) {
        return Files.exists(dir.resolve("config.json")) || !ggufs(dir).isEmpty();
    }
}
