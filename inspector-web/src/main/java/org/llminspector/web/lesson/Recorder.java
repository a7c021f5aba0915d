package org.llminspector.web.lesson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.roastedroot.quickjs4j.core.Builtins;
import io.roastedroot.quickjs4j.core.Engine;
import io.roastedroot.quickjs4j.core.Runner;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.llminspector.base.Json;

/**
 * Recorder of what chapters need of a run. The chapters themselves say it, in the page's TypeScript; its build
 * (frontend/scripts/lesson-recorder.ts) runs here in QuickJS compiled to Java bytecode: no browser, no Node, no native
 * code. The script reaches the server only through {@code host}.
 */
final class Recorder {

    private static final int HOUR_MS = 3_600_000;

    private final Api api;
    private final Consumer<String> progress;
    /** Answers and problems by the page's key, both verbatim. */
    private final Map<String, String> answers = new LinkedHashMap<>();

    private final Map<String, String> refusals = new LinkedHashMap<>();
    /** Paths of runs and comparisons made only for the recording. */
    private final List<String> made = new ArrayList<>();

    private String result;

    Recorder(Api api, Consumer<String> progress) {
        this.api = api;
        this.progress = progress;
    }

    /** A recording: the chapters' folders, and run.json without its answers. */
    record Recording(List<String> chapters, ObjectNode run) {}

    /**
     * @param chapters folders or numbers, or null for all
     * @param maxBytes the most bytes of captures to recapture
     */
    Recording record(String program, String run, List<String> chapters, long maxBytes) {
        ObjectNode asked = Json.mapper().createObjectNode();
        asked.put("run", run).put("max_bytes", maxBytes).putPOJO("chapters", chapters);
        Builtins host = Builtins.builder("host")
                .addStringToString("asked", nothing -> asked.toString())
                .addStringToString("call", this::call)
                .addStringToString("made", recording -> {
                    result = recording;
                    return "";
                })
                .build();
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try (Engine engine = Engine.builder().addBuiltins(host).build();
                Runner runner = Runner.builder()
                        .withEngine(engine)
                        .withExecutorService(thread)
                        .withTimeoutMs(HOUR_MS)
                        .build()) {
            runner.compileAndExec(program);
            if (result == null) {
                throw new IllegalStateException("the recorder ended without a recording: " + runner.stderr());
            }
        } finally {
            thread.shutdownNow();
        }
        JsonNode tree = Api.tree(result.getBytes(StandardCharsets.UTF_8));
        if (tree.has("problem")) throw Api.problem("run " + run, tree.get("problem"));
        List<String> folders = new ArrayList<>();
        tree.path("chapters").forEach(c -> folders.add(c.asText()));
        return new Recording(folders, (ObjectNode) tree.path("run"));
    }

    /** Answers a request of the script: {path, body, keep, read} to {answer} or {problem}. */
    private String call(String request) {
        JsonNode asked = Api.tree(request.getBytes(StandardCharsets.UTF_8));
        String path = asked.path("path").asText();
        String body = asked.path("body").isNull() ? null : asked.path("body").toString();
        String key = asked.path("keep").asText(null);
        String known = key == null ? null : answers.get(key);
        if (known == null) {
            progress.accept(path);
            Api.Answer answer = api.ask(path, body);
            known = answer.text();
            if (!answer.good()) {
                if (key != null) refusals.put(key, known);
                return "{\"problem\":" + known + "}";
            }
            if (key != null) answers.put(key, known);
            if (body != null && (path.equals("/runs") || path.equals("/comparisons"))) {
                made.add(path + "/" + Api.tree(answer.body()).path("id").asText());
            }
        }
        return asked.path("read").asBoolean() ? "{\"answer\":" + known + "}" : "{}";
    }

    /** Answers by the page's key. */
    Map<String, String> answers() {
        return answers;
    }

    /** Problems that the server answered with, by the page's key. */
    Map<String, String> refusals() {
        return refusals;
    }

    /** Deletes the runs and comparisons made only for the recording. */
    void clean() {
        made.forEach(api::delete);
    }
}
