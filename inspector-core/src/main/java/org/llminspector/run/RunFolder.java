package org.llminspector.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.LinkedHashMap;
import java.util.Map;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;

/** RunFolder is one run on disk: manifest.json and captures.safetensors. */
record RunFolder(Path path) {

    static final String MANIFEST = "manifest.json";
    static final String CAPTURES = "captures.safetensors";

    Path manifestFile() {
        return path.resolve(MANIFEST);
    }

    Path capturesFile() {
        return path.resolve(CAPTURES);
    }

    /** Creates the folder and writes both files through to the disk. */
    void write(RunManifest manifest, Capture capture) throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        capture.tensors().forEach((hook, tensor) -> tensors.put(hook.name(), tensor));
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("run", manifest.id());
        metadata.put("model", manifest.model().slug());
        metadata.put("version", manifest.version());
        metadata.values().removeIf(v -> v == null);

        Files.createDirectory(path);
        try (FileChannel out = createNew(capturesFile())) {
            SafetensorsWriter.write(out, tensors, metadata);
            out.force(true);
        }
        try (FileChannel out = createNew(manifestFile())) {
            ByteBuffer json = ByteBuffer.wrap(Json.write(manifest).getBytes(StandardCharsets.UTF_8));
            while (json.hasRemaining()) out.write(json);
            out.force(true);
        }
        sync(path);
    }

    private static FileChannel createNew(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    /** Makes a folder's list of names as lasting as its files. */
    static void sync(Path dir) throws IOException {
        try (FileChannel channel = FileChannel.open(dir, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            // Windows cannot open a folder, and has no need of this.
            if (System.getProperty("os.name").startsWith("Windows")) return;
            throw e;
        }
    }

    /** The manifest; one that is missing, malformed or another run's is a Problem. */
    RunManifest manifest() {
        try {
            RunManifest m = Json.mapper().treeToValue(Json.readObject(manifestFile()), RunManifest.class);
            String id = path.getFileName().toString();
            if (!id.equals(m.id())) throw damaged("the manifest is another run's", m.id(), null);
            String lacks = lacking(m);
            if (lacks != null) throw damaged("the manifest lacks a field", "no " + lacks, null);
            return m;
        } catch (JsonProcessingException e) {
            throw damaged("the manifest is not one this version reads", e.getOriginalMessage(), e);
        } catch (Problem p) {
            if (p.kind() == Problem.Kind.INTERNAL) throw p;
            throw damaged("the manifest cannot be read", p.getMessage(), p);
        }
    }

    /** The captures, opened and checked. */
    SafetensorsFile captures() {
        try {
            return SafetensorsFile.open(capturesFile());
        } catch (Problem p) {
            throw damaged("the captures cannot be read", p.getMessage(), p);
        }
    }

    /** The first field that a manifest cannot be without and is without, or null. */
    static String lacking(RunManifest m) {
        if (m.created() == null) return "created";
        if (m.request() == null) return "request";
        if (m.model() == null || m.model().slug() == null) return "model.slug";
        if (m.engine() == null || m.engine().name() == null) return "engine.name";
        if (m.engine().precision() == null) return "engine.precision";
        if (m.engine().device() == null) return "engine.device";
        if (m.tokens() == null) return "tokens";
        if (m.generation() != null && m.generation().steps() == null) return "generation.steps";
        if (m.captures() == null) return "captures";
        for (RunManifest.CaptureEntry c : m.captures()) if (c == null || c.hook() == null) return "captures.hook";
        return null;
    }

    private Problem damaged(String what, Object found, Throwable cause) {
        return Problem.of(Problem.Kind.INTERNAL, "the run is damaged: " + what)
                .where(path)
                .found(found)
                .instead("delete the run and run its request again; the other runs are not touched")
                .causedBy(cause);
    }

    /** Bytes of both files. */
    long bytes() throws IOException {
        return Files.size(manifestFile()) + Files.size(capturesFile());
    }

    /** Deletes a folder and what is in it, without following links; already being gone is success. */
    static void delete(Path dir) throws IOException {
        try {
            Files.walkFileTree(dir, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                    Files.deleteIfExists(file);
                    return FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                    if (e instanceof NoSuchFileException) return FileVisitResult.CONTINUE;
                    throw e;
                }

                @Override
                public FileVisitResult postVisitDirectory(Path d, IOException e) throws IOException {
                    if (e != null && !(e instanceof NoSuchFileException)) throw e;
                    Files.deleteIfExists(d);
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (NoSuchFileException e) {
            // Another process was faster.
        }
    }
}
