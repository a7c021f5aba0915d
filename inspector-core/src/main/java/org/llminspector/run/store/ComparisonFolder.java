package org.llminspector.run.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.hook.HookPoint;

/**
 * One comparison on disk: manifest.json, divergence.safetensors, prompt.jsonl and text.jsonl (one {@link ComparedToken}
 * per line); {@code corpus}, a sweep's merged results.
 */
public record ComparisonFolder(Path path) {

    Path manifestFile() {
        return path.resolve("manifest.json");
    }

    Path tensorsFile() {
        return path.resolve("divergence.safetensors");
    }

    public Path promptFile() {
        return path.resolve("prompt.jsonl");
    }

    public Path textFile() {
        return path.resolve("text.jsonl");
    }

    /** The sweep over the corpus. */
    public Path corpus() {
        return path.resolve("corpus");
    }

    /** A tensor's name: {@code relative_l2/blocks.{i}.hook_resid_pre}. */
    public static String name(String metric, HookPoint point) {
        return metric.toLowerCase(Locale.ROOT) + "/" + point.template();
    }

    /** Writes the remaining files and syncs all of them to disk. */
    public void finish(ComparisonManifest manifest, Map<String, Tensor> tensors) throws IOException {
        SafetensorsWriter.write(tensorsFile(), tensors, Map.of("comparison", manifest.id()));
        Files.writeString(manifestFile(), Json.write(manifest));
        for (Path file : List.of(promptFile(), textFile(), manifestFile())) {
            if (!Files.exists(file)) continue;
            try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
                channel.force(true);
            }
        }
        RunFolder.sync(path);
    }

    public ComparisonManifest manifest() {
        try {
            return Json.mapper().treeToValue(Json.readObject(manifestFile(), Reads.MANIFEST), ComparisonManifest.class);
        } catch (JsonProcessingException e) {
            throw damaged(e.getOriginalMessage(), e);
        } catch (Problem p) {
            throw damaged(p.getMessage(), p);
        }
    }

    /** Bytes of all its files. */
    long bytes() throws IOException {
        long bytes = 0;
        for (Path file : List.of(manifestFile(), tensorsFile(), promptFile(), textFile())) {
            if (Files.exists(file)) bytes += Files.size(file);
        }
        if (!Files.isDirectory(corpus())) return bytes;
        try (DirectoryStream<Path> results = Files.newDirectoryStream(corpus())) {
            for (Path file : results) bytes += Files.size(file);
        }
        return bytes;
    }

    /** One tensor, mapped, or null. */
    public Tensor tensor(String name) {
        try (SafetensorsFile file = SafetensorsFile.open(tensorsFile())) {
            return file.tensors().containsKey(name) ? file.tensor(name) : null;
        } catch (Problem p) {
            throw damaged(p.getMessage(), p);
        }
    }

    /** Lines [from, from + limit) of a file; none when there is no such file. */
    public List<ComparedToken> lines(Path file, int from, int limit) {
        List<ComparedToken> tokens = new ArrayList<>();
        if (!Files.exists(file)) return tokens;
        try (BufferedReader lines =
                new BufferedReader(new InputStreamReader(Reads.stream(file), StandardCharsets.UTF_8.newDecoder()))) {
            String line;
            for (int i = 0; i < from + (long) limit && (line = lines.readLine()) != null; i++) {
                if (i >= from) tokens.add(Json.mapper().readValue(line, ComparedToken.class));
            }
            return tokens;
        } catch (IOException e) {
            throw damaged(e.getMessage(), e);
        }
    }

    private Problem damaged(String found, Throwable cause) {
        return Problem.of(Problem.Kind.INTERNAL, "the comparison is damaged")
                .where(path)
                .found(found)
                .instead("delete it and make it again; the others are not touched")
                .causedBy(cause);
    }
}
