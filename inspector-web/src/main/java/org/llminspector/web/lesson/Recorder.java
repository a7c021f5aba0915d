package org.llminspector.web.lesson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.roastedroot.quickjs4j.core.Builtins;
import io.roastedroot.quickjs4j.core.Engine;
import io.roastedroot.quickjs4j.core.Runner;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

/**
 * Recorder of what chapters need of a run. The chapters themselves say it, in the page's TypeScript; its build
 * (frontend/scripts/lesson-recorder.ts) runs here in QuickJS compiled to Java bytecode: no browser, no Node, no native
 * code. The script reaches the server only through {@code host}.
 */
final class Recorder {

    private static final int HOUR_MS = 3_600_000;

    /** The most time that one answer may take, and all of them together: what takes longer is left out of the lesson. */
    static final Duration ONE = Duration.ofSeconds(60);

    static final Duration ALL = Duration.ofMinutes(8);
    /** How long a run that was given up may take to end. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Api api;
    private final BooleanSupplier cancelled;
    private final Duration one;
    private final Consumer<LessonProgress> progress;
    private final long start = System.nanoTime();
    /** Answers and problems by the page's key, both verbatim. */
    private final Map<String, String> answers = new LinkedHashMap<>();

    private final Map<String, String> refusals = new LinkedHashMap<>();
    /** Paths of runs and comparisons made only for the recording. */
    private final List<String> made = new ArrayList<>();

    /** What runs made for the recording are called. */
    private final String name = "made for a lesson, " + UUID.randomUUID();
    /** Requests of runs that were given up: the server keeps what a run had until then. */
    private int givenUp;

    private String result;
    private int asked;
    private int leftOut;

    /** @param one the most time that one answer may take */
    Recorder(Api api, BooleanSupplier cancelled, Duration one, Consumer<LessonProgress> progress) {
        this.api = api;
        this.cancelled = cancelled;
        this.one = one;
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
            try {
                runner.compileAndExec(program);
            } catch (RuntimeException broken) {
                if (!cancelled.getAsBoolean()) throw broken; // a script without its answers may end in any way
            }
            if (cancelled.getAsBoolean()) throw new CancellationException("the export was stopped");
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
        if (body != null && path.equals("/runs")) {
            body = ((ObjectNode) asked.path("body")).put("name", name).toString();
        }
        String key = asked.path("keep").asText(null);
        String known = key == null ? null : answers.get(key);
        if (known == null) {
            Api.Answer answer;
            try {
                answer = answer(path, body, key != null);
            } catch (CancellationException stopped) {
                if (path.equals("/runs")) givenUp++;
                // The script goes on to its end, in which nothing is asked any more.
                return "{\"problem\":{\"what\":\"the export was stopped\"}}";
            }
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

    /** @param kept the answer is one of many that the lesson keeps, and it can do without */
    private Api.Answer answer(String path, String body, boolean kept) {
        progress.accept(new LessonProgress(asked++, leftOut, path));
        Duration rest = ALL.minusNanos(System.nanoTime() - start);
        Duration limit = !kept ? Api.FOREVER : rest.compareTo(one) < 0 ? rest : one;
        try {
            return api.ask(path, body, limit);
        } catch (TimeoutException e) {
            leftOut++;
            if (path.equals("/runs")) givenUp++;
            ObjectNode problem = Json.mapper().createObjectNode();
            problem.put("title", "the lesson was made without this answer")
                    .put("status", Problem.Kind.BUSY.httpStatus())
                    .put("where", path)
                    .put("found", "no answer in " + Math.max(0, limit.toSeconds()) + " s")
                    .put("instead", "make the lesson again where less else is running");
            return new Api.Answer(
                    problem.get("status").asInt(), problem.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    int asked() {
        return asked;
    }

    /** Answers that took too long. */
    int leftOut() {
        return leftOut;
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
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (givenUp > 0 && System.nanoTime() < until) {
            for (JsonNode run : Api.tree(api.get("/runs?limit=100")).path("runs")) {
                if (!run.path("name").asText().equals(name)) continue;
                api.delete("/runs/" + run.path("id").asText());
                givenUp--;
            }
        }
    }
}
