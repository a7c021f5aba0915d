package org.llminspector.run.sweep;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.llminspector.analysis.reduce.ReducerKind;
import org.llminspector.analysis.reduce.state.State;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.run.evaluate.Evaluation;
import org.llminspector.run.request.SweepRequest;

/**
 * A sweep on disk: {@code sweep.json}; {@code documents.jsonl}, an id a line; {@code windows.safetensors}, their tokens; {@code
 * parts/}, a file a shard, which a killed
 * sweep goes on with and a repeated one reads; and once all are there the merged results, a file a reducer.
 */
public final class SweepFolder {

    static final String REQUEST = "request.json";

    private static final String PARTS = "parts";
    private static final String DOCUMENTS = "documents.jsonl";

    /** An evaluation's files beside its merged log-likelihoods: a summary, and a line for each task. */
    static final List<String> EVALUATION = List.of("evaluation.json", "evaluation.jsonl");

    private final Path dir;

    public SweepFolder(Path dir) {
        this.dir = dir;
    }

    public Path dir() {
        return dir;
    }

    /** @throws Problem NOT_FOUND where there is no sweep; INVALID for one of another format */
    public SweepManifest manifest() {
        Path file = dir.resolve("sweep.json");
        if (!Files.exists(file)) {
            throw Problem.notFound("there is no sweep in this folder")
                    .where(dir)
                    .expected("sweep.json, which a sweep writes first");
        }
        try {
            SweepManifest manifest =
                    Json.mapper().treeToValue(Json.readObject(file, Reads.MANIFEST), SweepManifest.class);
            if (SweepManifest.FORMAT.equals(manifest.format())) return manifest;
            throw Problem.invalid("the sweep is of another version")
                    .where(file)
                    .expected(SweepManifest.FORMAT)
                    .found(manifest.format())
                    .instead("run it again in another folder");
        } catch (IOException e) {
            throw Problem.invalid("the sweep's description is damaged")
                    .where(file)
                    .found(e.getMessage())
                    .instead("run the sweep again; parts that are there are used");
        }
    }

    /** What a client asked for, which a sweep over REST is begun with. */
    SweepRequest request() {
        Path file = dir.resolve(REQUEST);
        try {
            return Json.mapper().treeToValue(Json.readObject(file), SweepRequest.class);
        } catch (IOException e) {
            throw Problem.invalid("the sweep's request is damaged").where(file).found(e.getMessage());
        }
    }

    /** The corpus as it was asked for: over REST the manifest has its path on this machine. */
    String corpus(SweepManifest manifest) {
        SweepRequest asked = Files.exists(dir.resolve(REQUEST)) ? request() : manifest.request();
        return asked.corpus().path();
    }

    /** Files of merged results, by reducer; empty before the merge. */
    Map<String, Path> results() {
        List<String> names = new ArrayList<>(List.of(PreparedSweep.DIVERGENCE));
        for (ReducerKind kind : ReducerKind.values()) names.add(kind.label());
        Map<String, Path> results = new TreeMap<>();
        for (String name : names) {
            Path file = dir.resolve(name + ".safetensors");
            if (Files.isRegularFile(file)) results.put(name, file);
        }
        return results;
    }

    /** @param tasks of an evaluation; null for a sweep of texts */
    void write(SweepManifest manifest, Windows windows, TaskWindows tasks) {
        try {
            dropUnfinished(Files.createDirectories(dir.resolve(PARTS)));
            // Of an earlier request into this folder, they would be taken for this one's.
            for (Path results : results().values()) Files.delete(results);
            Files.deleteIfExists(dir.resolve(Merge.IMATRIX));
            for (String file : EVALUATION) Files.deleteIfExists(dir.resolve(file));
            Writes.replace(dir.resolve(DOCUMENTS), lines(windows.documents()));
            SortedMap<String, Tensor> cut = windows.state();
            if (tasks != null) cut.putAll(tasks.state());
            cut.replaceAll((name, tensor) -> State.narrowed(tensor));
            SafetensorsWriter.write(windows(), cut, Map.of());
            Writes.replace(dir.resolve("sweep.json"), Json.write(manifest));
        } catch (IOException e) {
            throw Writes.failed("the sweep cannot be kept", dir, e);
        }
    }

    private static String lines(List<String> ids) throws IOException {
        StringBuilder lines = new StringBuilder();
        for (String id : ids) lines.append(Json.mapper().writeValueAsString(id)).append('\n');
        return lines.toString();
    }

    /** The file of the windows' tokens. */
    Path windows() {
        return dir.resolve("windows.safetensors");
    }

    /** Ids of the documents, by index. */
    List<String> documents() {
        Path file = dir.resolve(DOCUMENTS);
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(Reads.stream(file), StandardCharsets.UTF_8))) {
            List<String> ids = new ArrayList<>();
            for (String line = lines.readLine(); line != null; line = lines.readLine())
                ids.add(Json.mapper().readValue(line, String.class));
            return ids;
        } catch (IOException e) {
            throw Reads.unreadable(file, e);
        }
    }

    /** Deletes what killed processes left half written; a living one writes a part within the hour. */
    private static void dropUnfinished(Path parts) throws IOException {
        Instant old = Instant.now().minus(1, ChronoUnit.HOURS);
        try (DirectoryStream<Path> partial = Files.newDirectoryStream(parts, "*.partial")) {
            for (Path p : partial) {
                if (Files.getLastModifiedTime(p).toInstant().isBefore(old)) Files.deleteIfExists(p);
            }
        }
    }

    /** Deletes parts and windows: what is merged can still be read, and not gone on with. */
    public void keepResults() {
        try {
            Writes.deleteAll(dir.resolve(PARTS));
            Files.deleteIfExists(windows());
        } catch (IOException e) {
            throw Writes.failed("the sweep's parts cannot be deleted", dir, e);
        }
    }

    /** The file of a part. */
    public Path part(String name) {
        return dir.resolve(PARTS).resolve(name + ".safetensors");
    }

    /** Whether a part is there, whole: parts are renamed into place once they are written. */
    public boolean has(String name) {
        return Files.isRegularFile(part(name));
    }

    /** An evaluation's summary; null where the sweep is none, or is not merged. */
    Evaluation evaluation() {
        Path file = dir.resolve(EVALUATION.get(0));
        if (!Files.exists(file)) return null;
        try {
            return Json.mapper().treeToValue(Json.readObject(file), Evaluation.class);
        } catch (IOException e) {
            throw Problem.invalid("the sweep's evaluation is damaged")
                    .where(file)
                    .found(e.getMessage())
                    .instead("merge the sweep again: inspector sweep merge");
        }
    }

    /** An evaluation's file with a line for each task. */
    Path evaluationLines() {
        return dir.resolve(EVALUATION.get(1));
    }

    void write(String name, SortedMap<String, Tensor> state, Map<String, String> about) {
        SafetensorsWriter.write(part(name), state, about);
    }

    /** A finished part; the caller closes it. */
    SafetensorsFile open(String name) {
        return SafetensorsFile.open(part(name));
    }

    /** Numbers of the shards whose parts are not there. */
    public List<Integer> missing(SweepManifest manifest) {
        List<Integer> missing = new ArrayList<>();
        for (int s = 0; s < manifest.parts().size(); s++)
            if (!has(manifest.parts().get(s))) missing.add(s);
        return missing;
    }
}
