package org.llminspector.web.lesson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URLEncoder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Version;

/**
 * A run as files that open without a server: the page as one classic script (not a module), its recording as scripts
 * too. A data file is {@code LESSON.data["name"]="base64 of gzip"}.
 */
public final class Lesson {

    /** The default limit of captures' bytes. */
    public static final long MAX_BYTES = 64L << 20;

    private static final String PAGE = "/public/lesson/";

    private Lesson() {}

    /**
     * Makes a lesson. The run's tokens are replayed for hooks that the chapters show and the run lacks; runs and
     * comparisons made only for the recording are deleted.
     *
     * @param base the server that has the run, such as http://127.0.0.1:7070
     * @param token the server's access token, or null
     * @param chapters folders or numbers of chapters, or null for all
     * @param maxBytes the most bytes of captures to recapture and include
     * @param cancelled looked at all the time
     * @param progress hears of each request
     * @return the files by their paths, in the order in which a browser needs them
     * @throws Problem when the run or a chapter does not exist, or the captures are too large
     * @throws java.util.concurrent.CancellationException when it was cancelled: nothing is left of it
     */
    public static Map<String, byte[]> of(
            String base,
            String token,
            String run,
            List<String> chapters,
            long maxBytes,
            BooleanSupplier cancelled,
            Consumer<LessonProgress> progress) {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (String name : List.of("index.html", "app.js")) files.put(name, page(name));
        String program = new String(page("recorder.js"), StandardCharsets.UTF_8);
        Api api = new Api(base, token, cancelled);
        Recorder recorder = new Recorder(api, cancelled, Recorder.ONE, progress);
        try {
            Recorder.Recording recording = recorder.record(program, run, chapters, maxBytes);
            Map<String, List<String>> kinds = kinds(recording.run(), maxBytes);
            files.put("lesson.js", utf8("globalThis.LESSON=" + about(recording, kinds) + ";\n"));
            files.put("data/run.json.gz.js", data("run.json.gz", runJson(recording.run(), recorder)));
            kinds.forEach((name, hooks) -> {
                progress.accept(new LessonProgress(recorder.asked(), recorder.leftOut(), name));
                files.put("data/" + name + ".js", data(name, tensors(api, run, hooks)));
            });
            return files;
        } finally {
            recorder.clean();
        }
    }

    /** Writes the files as one zip. */
    public static void zip(Map<String, byte[]> files, OutputStream out) throws IOException {
        ZipOutputStream zip = new ZipOutputStream(out, StandardCharsets.UTF_8);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            zip.putNextEntry(new ZipEntry("lesson/" + file.getKey()));
            zip.write(file.getValue());
            zip.closeEntry();
        }
        zip.finish();
    }

    /** A file of the page's build for lessons. */
    private static byte[] page(String name) {
        try (InputStream in = Lesson.class.getResourceAsStream(PAGE + name)) {
            if (in != null) return in.readAllBytes();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        throw Problem.unsupported("this build has no page in it, so there is nothing to send")
                .where(name)
                .instead("build it with `mvn package`, which needs Node 20 or later");
    }

    private static ObjectNode about(Recorder.Recording recording, Map<String, List<String>> kinds) {
        ObjectNode about = Json.mapper().createObjectNode();
        about.put("made", Instant.now().toString()).put("version", Version.STRING);
        about.putPOJO("chapters", recording.chapters());
        about.putPOJO("files", List.copyOf(kinds.keySet()));
        about.putObject("data");
        return about;
    }

    /** The recorded hooks by the name of the file that contains them. */
    private static Map<String, List<String>> kinds(JsonNode run, long maxBytes) {
        Map<String, Long> sizes = new LinkedHashMap<>();
        run.path("manifest")
                .path("captures")
                .forEach(c -> sizes.put(c.path("hook").asText(), c.path("bytes").asLong()));
        Map<String, List<String>> kinds = new TreeMap<>();
        long bytes = 0;
        for (Map.Entry<String, JsonNode> held : run.path("files").properties()) {
            kinds.computeIfAbsent(held.getValue().asText(), k -> new ArrayList<>())
                    .add(held.getKey());
            bytes += sizes.getOrDefault(held.getKey(), 0L);
        }
        if (bytes <= maxBytes) return kinds;
        throw Problem.tooLarge("the lesson would hold more than is allowed")
                .where("max_bytes")
                .expected("at most " + ByteCount.of(maxBytes))
                .found(ByteCount.of(bytes))
                .instead("allow more, choose fewer chapters, or take a shorter run");
    }

    /** Builds run.json from the server's answers verbatim, so that no digit changes. */
    private static byte[] runJson(ObjectNode run, Recorder recorder) {
        String text = run.toString();
        StringBuilder all = new StringBuilder(text.substring(0, text.length() - 1));
        put(all, "answers", recorder.answers());
        put(all, "refusals", recorder.refusals());
        return utf8(all.append('}').toString());
    }

    private static void put(StringBuilder all, String name, Map<String, String> values) {
        all.append(",\"").append(name).append("\":{");
        String comma = "";
        for (Map.Entry<String, String> v : values.entrySet()) {
            all.append(comma)
                    .append(Json.mapper().getNodeFactory().textNode(v.getKey()))
                    .append(':')
                    .append(v.getValue());
            comma = ",";
        }
        all.append('}');
    }

    /**
     * One safetensors file of these captures of the run, in byte planes: the first bytes of all float32s, then the
     * second ones, and so on, which compresses a tenth better. Captures with equal bytes (a layer's input is the output
     * of the layer below) are stored once.
     */
    private static byte[] tensors(Api api, String run, List<String> hooks) {
        ObjectNode header = Json.mapper().createObjectNode();
        header.putObject("__metadata__").put("planes", String.valueOf(Float.BYTES));
        ByteArrayOutputStream data = new ByteArrayOutputStream();
        Map<ByteBuffer, Integer> starts = new HashMap<>();
        for (String hook : hooks) {
            String path = "/runs/" + run + "/captures/" + URLEncoder.encode(hook, StandardCharsets.UTF_8);
            ByteBuffer file = ByteBuffer.wrap(api.bytes(path)).order(ByteOrder.LITTLE_ENDIAN);
            byte[] json = new byte[Math.toIntExact(file.getLong())];
            file.get(json);
            JsonNode entry = Api.tree(json).path(hook);
            int from = file.position() + entry.path("data_offsets").path(0).asInt();
            int length = file.position() + entry.path("data_offsets").path(1).asInt() - from;
            ObjectNode own = header.putObject(hook);
            own.set("dtype", entry.path("dtype"));
            own.set("shape", entry.path("shape"));
            Integer start = starts.putIfAbsent(file.slice(from, length), data.size());
            if (start == null) {
                start = data.size();
                data.write(file.array(), from, length);
            }
            own.putArray("data_offsets").add(start).add(start + length);
        }
        byte[] head = utf8(header + " ".repeat((8 - utf8(header.toString()).length % 8) % 8));
        ByteBuffer whole = ByteBuffer.allocate(8 + head.length + data.size()).order(ByteOrder.LITTLE_ENDIAN);
        whole.putLong(head.length).put(head);
        byte[] values = data.toByteArray();
        for (int plane = 0; plane < Float.BYTES; plane++) {
            for (int i = plane; i < values.length; i += Float.BYTES) whole.put(values[i]);
        }
        return whole.array();
    }

    private static byte[] data(String name, byte[] bytes) {
        ByteArrayOutputStream packed = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(packed) {
            {
                def.setLevel(Deflater.BEST_COMPRESSION);
            }
        }) {
            gzip.write(bytes);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
        String base64 = Base64.getEncoder().encodeToString(packed.toByteArray());
        return utf8("LESSON.data[\"" + name + "\"]=\"" + base64 + "\";\n");
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
