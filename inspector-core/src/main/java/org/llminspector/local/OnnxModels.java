package org.llminspector.local;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Slugs of the exported graphs in a model's folder, which often has several precisions. The default graph (model.onnx
 * or the only one, where the folder has no other weights) has the folder's name; the others are {@code FOLDER--FILE}.
 */
final class OnnxModels {

    private static final String END = ".onnx";

    private OnnxModels() {}

    /** Slugs and paths: the folder for the default graph, else the file. */
    static Map<String, Path> of(String slug, Path dir) {
        List<Path> all = new ArrayList<>(files(dir));
        List<Path> inside = files(dir.resolve("onnx"));
        Path first = hasOthers(dir) ? null : standard(all.isEmpty() ? inside : all);
        all.addAll(inside);
        Map<String, Path> found = new LinkedHashMap<>();
        if (first != null) found.put(slug, dir);
        for (Path file : all) if (!file.equals(first)) found.putIfAbsent(slug + "--" + stem(file), file);
        return found;
    }

    static boolean is(Path file) {
        return file.toString().toLowerCase(Locale.ROOT).endsWith(END) && Files.isRegularFile(file);
    }

    /** A graph's slug. */
    static String slug(Path file) {
        Path name = folder(file).getFileName();
        String slug = name == null ? "model" : name.toString();
        return of(slug, folder(file)).entrySet().stream()
                .filter(e -> e.getValue().equals(file))
                .map(Map.Entry::getKey)
                .findFirst()
                .orElse(slug);
    }

    /** The model's folder; graphs may be in its subfolder onnx. */
    static Path folder(Path file) {
        Path dir = file.toAbsolutePath().getParent();
        boolean inside = dir.endsWith("onnx") && !Files.exists(dir.resolve("config.json"));
        return inside && dir.getParent() != null ? dir.getParent() : dir;
    }

    private static Path standard(List<Path> files) {
        if (files.size() == 1) return files.get(0);
        return files.stream().filter(f -> stem(f).equals("model")).findFirst().orElse(null);
    }

    private static String stem(Path file) {
        String name = file.getFileName().toString();
        return name.substring(0, name.length() - END.length());
    }

    private static List<Path> files(Path dir) {
        return list(dir).stream().filter(OnnxModels::is).toList();
    }

    static boolean hasOthers(Path dir) {
        return list(dir).stream()
                .map(f -> f.getFileName().toString().toLowerCase(Locale.ROOT))
                .anyMatch(n -> n.endsWith(".safetensors") || n.endsWith(".gguf"));
    }

    private static List<Path> list(Path dir) {
        if (!Files.isDirectory(dir)) return List.of();
        try (Stream<Path> children = Files.list(dir)) {
            return children.sorted().toList();
        } catch (IOException e) {
            return List.of();
        }
    }
}
