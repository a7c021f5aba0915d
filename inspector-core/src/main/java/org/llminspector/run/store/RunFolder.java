package org.llminspector.run.store;

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
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.capture.Capture;
import org.llminspector.checkpoint.SafetensorsFile;
import org.llminspector.checkpoint.SafetensorsWriter;
import org.llminspector.hook.HookId;

/**
 * One run on disk: immutable manifest.json and captures.safetensors, and a folder {@code more-N} with the same two
 * files for each recapture.
 */
record RunFolder(Path path) {

    static final String MANIFEST = "manifest.json";
    static final String CAPTURES = "captures.safetensors";
    private static final String MORE = "more-";
    private static final Pattern EXTENSION = Pattern.compile(MORE + "[1-9][0-9]{0,5}");

    Path manifestFile() {
        return path.resolve(MANIFEST);
    }

    Path capturesFile() {
        return path.resolve(CAPTURES);
    }

    /**
     * manifest.json of a recapture.
     *
     * @param run the run's id
     */
    record RecaptureFile(String run, RunManifest.Recapture recapture, List<RunManifest.CaptureEntry> captures) {}

    /** The folder of a recapture. */
    RunFolder more(int number) {
        return new RunFolder(path.resolve(MORE + number));
    }

    /** The numbers of the recaptures, in order. */
    List<Integer> readings() throws IOException {
        try (Stream<Path> names = Files.list(path)) {
            return names.map(p -> p.getFileName().toString())
                    .filter(name -> EXTENSION.matcher(name).matches())
                    .map(name -> Integer.valueOf(name.substring(MORE.length())))
                    .sorted()
                    .toList();
        }
    }

    /** Creates the folder, writes both files and syncs them to disk. */
    void write(RunManifest manifest, Capture capture) throws IOException {
        write(manifest, manifest, capture.tensors());
    }

    /** The same for a recapture of a run. */
    void write(RunManifest run, RecaptureFile recapture, Map<HookId, Tensor> captures) throws IOException {
        write(run, (Object) recapture, captures);
    }

    private void write(RunManifest manifest, Object json, Map<HookId, Tensor> captures) throws IOException {
        Map<String, Tensor> tensors = new LinkedHashMap<>();
        captures.forEach((hook, tensor) -> tensors.put(hook.name(), tensor));
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("run", manifest.id());
        metadata.put("model", manifest.model().slug());
        metadata.put("version", manifest.version());
        metadata.values().removeIf(v -> v == null);

        Writes.privateFolder(path);
        try (FileChannel out = createNew(capturesFile())) {
            SafetensorsWriter.write(out, tensors, metadata);
            out.force(true);
        }
        try (FileChannel out = createNew(manifestFile())) {
            ByteBuffer bytes = ByteBuffer.wrap(Json.write(json).getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) out.write(bytes);
            out.force(true);
        }
        sync(path);
    }

    private static FileChannel createNew(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
    }

    /** Syncs a folder's directory entries to disk. */
    static void sync(Path dir) throws IOException {
        try (FileChannel channel = FileChannel.open(dir, StandardOpenOption.READ)) {
            channel.force(true);
        } catch (IOException e) {
            // Windows cannot open a folder and does not need this.
            if (System.getProperty("os.name").startsWith("Windows")) return;
            throw e;
        }
    }

    /** The manifest; a missing or malformed one, or one of another run, is a Problem. */
    RunManifest manifest() {
        try {
            RunManifest m =
                    Json.mapper().treeToValue(Json.readObject(manifestFile(), Reads.MANIFEST), RunManifest.class);
            String id = path.getFileName().toString();
            if (!id.equals(m.id())) throw damaged("the manifest is another run's", m.id(), null);
            String lacks = lacking(m);
            if (lacks != null) throw damaged("the manifest lacks a field", "no " + lacks, null);
            for (int number : readings()) {
                RecaptureFile more = Json.mapper()
                        .treeToValue(Json.readObject(more(number).manifestFile(), Reads.MANIFEST), RecaptureFile.class);
                if (!id.equals(more.run()) || more.recapture() == null || more.captures() == null) {
                    throw damaged("what was added to it is another run's", MORE + number, null);
                }
                m = m.with(more.recapture(), more.captures());
            }
            return m;
        } catch (JsonProcessingException e) {
            throw damaged("the manifest is not one this version reads", e.getOriginalMessage(), e);
        } catch (IOException e) {
            throw damaged("its folder cannot be listed", e, e);
        } catch (Problem p) {
            if (p.kind() == Problem.Kind.INTERNAL) throw p;
            throw damaged("the manifest cannot be read", p.getMessage(), p);
        }
    }

    /** The captures, opened and validated. */
    SafetensorsFile captures() {
        try {
            return SafetensorsFile.open(capturesFile());
        } catch (Problem p) {
            throw damaged("the captures cannot be read", p.getMessage(), p);
        }
    }

    /** The first required field that is missing in a manifest, or null. */
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

    /** Bytes of all its files. */
    long bytes() throws IOException {
        long bytes = Files.size(manifestFile()) + Files.size(capturesFile());
        for (int number : readings()) bytes += more(number).bytes();
        return bytes;
    }

    /** Deletes a folder recursively without following links; a missing folder is success. */
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
            // another process deleted it first
        }
    }
}
