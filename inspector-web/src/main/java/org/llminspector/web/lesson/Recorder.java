package org.llminspector.web.lesson;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.roastedroot.quickjs4j.core.Builtins;
import io.roastedroot.quickjs4j.core.Engine;
import io.roastedroot.quickjs4j.core.Runner;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
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
    /** How long a run that was given up may take to end, on a machine with other work. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Duration LOOK = Duration.ofMillis(100);
    /** What they make is kept by the server. */
    private static final Set<String> MADE = Set.of("/runs", "/comparisons", "/analyses");

    /** What they answer with was timed: nothing else is asked meanwhile. */
    private static final Set<String> TIMED = Set.of("/benchmarks", "/timeline", "/comparisons");

    private final Api api;
    private final BooleanSupplier cancelled;
    private final Duration one;
    private final Consumer<LessonProgress> progress;
    private final long start = System.nanoTime();
    /** What is only kept is asked beside the script, a second request at a time: the first has the engine, the other a core. */
    private final ExecutorService beside = Executors.newFixedThreadPool(2);

    /** Answers and problems by the page's key, in the order of the requests. */
    private final Map<String, Future<Api.Answer>> kept = new LinkedHashMap<>();
    /** Paths of runs, comparisons and analyses made only for the recording. */
    private final List<String> made = Collections.synchronizedList(new ArrayList<>());

    /** What runs made for the recording are called. */
    private final String name = "made for a lesson, " + UUID.randomUUID();
    /** Requests of runs that were given up: the server keeps what a run had until then. */
    private final AtomicInteger givenUp = new AtomicInteger();

    private String result;
    private final AtomicInteger asked = new AtomicInteger();
    private final AtomicInteger leftOut = new AtomicInteger();

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
            kept.values().forEach(Recorder::get);
            if (result == null) {
                throw new IllegalStateException("the recorder ended without a recording: " + runner.stderr());
            }
        } finally {
            thread.shutdownNow();
            beside.shutdownNow();
            quiet();
        }
        JsonNode tree = Api.tree(result.getBytes(StandardCharsets.UTF_8));
        if (tree.has("problem")) throw Api.problem("run " + run, tree.get("problem"));
        List<String> folders = new ArrayList<>();
        tree.path("chapters").forEach(c -> folders.add(c.asText()));
        return new Recording(folders, (ObjectNode) tree.path("run"));
    }

    /** Waits until no request is under way: what a run that was given up had by then is known. */
    private void quiet() {
        try {
            beside.awaitTermination(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
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
        boolean read = asked.path("read").asBoolean();
        try {
            Future<Api.Answer> coming = key == null ? null : kept.get(key);
            if (coming == null) coming = ask(path, body, key, read);
            if (!read) return "{}";
            Api.Answer answer = get(coming);
            return (answer.good() ? "{\"answer\":" : "{\"problem\":") + answer.text() + "}";
        } catch (CancellationException stopped) {
            // The script goes on to its end, in which nothing is asked any more.
            return "{\"problem\":{\"what\":\"the export was stopped\"}}";
        }
    }

    private Future<Api.Answer> ask(String path, String body, String key, boolean read) {
        boolean timed = TIMED.contains(path);
        if (timed) kept.values().forEach(Recorder::get);
        FutureTask<Api.Answer> task = new FutureTask<>(() -> answer(path, body, key != null));
        if (key != null) kept.put(key, task);
        if (read || timed) task.run();
        else beside.execute(task);
        return task;
    }

    private static Api.Answer get(Future<Api.Answer> coming) {
        try {
            return coming.get();
        } catch (ExecutionException e) {
            if (e.getCause() instanceof RuntimeException thrown) throw thrown;
            throw new IllegalStateException(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("the export was stopped");
        }
    }

    /** @param kept the answer is one of many that the lesson keeps, and it can do without */
    private Api.Answer answer(String path, String body, boolean kept) {
        progress.accept(new LessonProgress(asked.getAndIncrement(), leftOut.get(), path));
        Duration rest = ALL.minusNanos(System.nanoTime() - start);
        Duration limit = !kept ? Api.FOREVER : rest.compareTo(one) < 0 ? rest : one;
        try {
            Api.Answer answer = api.ask(path, body, limit);
            if (answer.good() && body != null && MADE.contains(path)) {
                made.add(path + "/" + Api.tree(answer.body()).path("id").asText());
            }
            return answer;
        } catch (CancellationException stopped) {
            if (path.equals("/runs")) givenUp.incrementAndGet();
            throw stopped;
        } catch (TimeoutException e) {
            if (path.equals("/runs")) givenUp.incrementAndGet();
            leftOut.incrementAndGet();
            ObjectNode problem = Json.mapper().createObjectNode();
            problem.put("title", "the lesson was made without this answer")
                    .put("status", Problem.Kind.BUSY.httpStatus())
                    .put("where", path)
                    .put("found", "no answer in " + Math.max(0, limit.toSeconds()) + " s")
                    .put("instead", "make the lesson again where less else is running");
            return new Api.Answer(
                    Problem.Kind.BUSY.httpStatus(), problem.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    int asked() {
        return asked.get();
    }

    /** Answers that took too long. */
    int leftOut() {
        return leftOut.get();
    }

    /** Answers by the page's key, verbatim. */
    Map<String, String> answers() {
        return texts(Api.Answer::good);
    }

    /** Problems that the server answered with, by the page's key, verbatim. */
    Map<String, String> refusals() {
        return texts(answer -> !answer.good());
    }

    private Map<String, String> texts(Predicate<Api.Answer> which) {
        Map<String, String> texts = new LinkedHashMap<>();
        kept.forEach((key, coming) -> {
            Api.Answer answer = get(coming);
            if (which.test(answer)) texts.put(key, answer.text());
        });
        return texts;
    }

    /** Deletes what was made only for the recording. */
    void clean() {
        made.forEach(api::delete);
        long until = System.nanoTime() + PATIENCE.toNanos();
        while (givenUp.get() > 0 && System.nanoTime() < until) {
            LockSupport.parkNanos(LOOK.toNanos());
            for (JsonNode run : Api.tree(api.get("/runs?limit=100")).path("runs")) {
                if (!run.path("name").asText().equals(name)) continue;
                api.delete("/runs/" + run.path("id").asText());
                givenUp.decrementAndGet();
            }
        }
    }
}
