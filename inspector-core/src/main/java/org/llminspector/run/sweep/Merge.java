package org.llminspector.run.sweep;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.analysis.reduce.Imatrix;
import org.llminspector.analysis.reduce.state.Mergeable;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.GgufArchitectures;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.family.Weights;

/** Merges a sweep's parts, in the order of its shards, into a file for each reducer. */
final class Merge {

    static final String IMATRIX = "imatrix.gguf";

    private Merge() {}

    /**
     * Writes {@code REDUCER.safetensors} files.
     *
     * @param states new ones, of the sweep's request
     * @return the files, by reducer
     * @throws Problem CONFLICT while parts are missing, with the shards
     */
    static Map<String, Path> merge(SweepFolder folder, SweepManifest manifest, List<Mergeable> states) {
        List<Integer> missing = folder.missing(manifest);
        if (!missing.isEmpty()) {
            String shards = String.join(
                    ", ", missing.stream().limit(20).map(String::valueOf).toList());
            throw Problem.of(Problem.Kind.CONFLICT, "parts of the sweep are missing")
                    .where(folder.dir())
                    .expected(manifest.parts().size() + " parts")
                    .found(missing.size() + " missing, of the shards " + shards + (missing.size() > 20 ? ", ..." : ""))
                    .instead("run the sweep again into this folder: only they are computed");
        }
        for (String part : manifest.parts()) {
            try (SafetensorsFile file = open(folder, part)) {
                for (Mergeable s : states) {
                    s.merge(name -> file.tensors().containsKey(name) ? file.tensor(name) : null);
                }
            }
        }
        Map<String, SortedMap<String, Tensor>> kinds = new LinkedHashMap<>();
        for (Mergeable s : states) {
            s.state().forEach((name, tensor) -> {
                int slash = name.indexOf('/');
                kinds.computeIfAbsent(name.substring(0, slash), k -> new TreeMap<>())
                        .put(name.substring(slash + 1), State.narrowed(tensor));
            });
        }
        Map<String, Path> files = new LinkedHashMap<>();
        kinds.forEach((kind, state) -> {
            Path file = folder.dir().resolve(kind + ".safetensors");
            // Sorted: Map.of has another order in another process, and the files would differ.
            SafetensorsWriter.write(
                    file, state, new TreeMap<>(Map.of("format", SweepManifest.FORMAT, "reducer", kind)));
            files.put(kind, file);
        });
        return files;
    }

    private static SafetensorsFile open(SweepFolder folder, String part) {
        try {
            return folder.open(part);
        } catch (Problem damaged) {
            throw Problem.of(damaged.kind(), "a part of the sweep is damaged")
                    .where(folder.part(part))
                    .expected("a part as a sweep wrote it")
                    .found(damaged.what())
                    .instead("delete the file and run the sweep again into this folder: only it is computed");
        }
    }

    /**
     * Writes {@code imatrix.gguf}, where the sweep kept sums of squares and llama.cpp has the architecture.
     *
     * @return the file, or null
     */
    static Path imatrix(SweepFolder folder, SweepManifest manifest, Weights weights) {
        Path sums = folder.dir().resolve("imatrix.safetensors");
        if (!Files.isRegularFile(sums) || weights == null) return null;
        if (!GgufArchitectures.has(weights.spec().family())) return null;
        Path file = folder.dir().resolve(IMATRIX);
        try (SafetensorsFile state = SafetensorsFile.open(sums)) {
            Imatrix.write(
                    file,
                    weights,
                    name -> tensor(state, name.substring("imatrix/".length())),
                    List.of(folder.corpus(manifest)),
                    manifest.windows(),
                    manifest.window());
        }
        return file;
    }

    private static Tensor tensor(SafetensorsFile file, String name) {
        return file.tensors().containsKey(name) ? file.tensor(name) : null;
    }
}
