package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.run.Runs;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.lesson.Lesson;
import org.llminspector.web.server.http.Events;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;
import org.llminspector.web.server.http.RunEvent;
import org.llminspector.web.server.http.RunStream;

/** Routes that export a run as a lesson: the page and its data as files. */
public final class LessonRoutes implements Routes {

    /**
     * @param chapters folders or numbers, or null for all
     * @param maxBytes the most bytes of captures to recapture and include, or null
     */
    record LessonRequest(List<String> chapters, Long maxBytes) {}

    /** @param zip in base64 */
    record Sent(byte[] zip) {}

    /** How long a second export waits for the first: one that was stopped ends with its last question. */
    private static final int WAIT_SECONDS = 10;

    private final Runs runs;
    private final RunQueue queue;
    private final RunStream stream;
    private final String token;
    private final Supplier<String> address;
    /** One export at a time: each sends hundreds of requests to this server. */
    private final Semaphore one = new Semaphore(1);

    public LessonRoutes(Runs runs, RunQueue queue, RunStream stream, String token, Supplier<String> address) {
        this.runs = runs;
        this.queue = queue;
        this.stream = stream;
        this.token = token;
        this.address = address;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/runs/{id}/lesson", this::lesson);
    }

    private void lesson(Context ctx) throws Exception {
        String run = ctx.pathParam("id");
        LessonRequest request = Requests.optionalBody(ctx, LessonRequest.class);
        runs.stored().manifest(run);
        String accept = ctx.header("Accept");
        if (accept != null && accept.contains("text/event-stream")) {
            Events events = new Events();
            stream.answer(ctx, events, () -> new Sent(zip(run, request, events)));
            return;
        }
        byte[] zip = zip(run, request, new Events());
        ctx.header("Content-Disposition", "attachment; filename=\"lesson-" + run + ".zip\"");
        ctx.contentType("application/zip").result(zip);
    }

    private byte[] zip(String run, LessonRequest request, Events events) throws IOException, InterruptedException {
        if (!one.tryAcquire(WAIT_SECONDS, TimeUnit.SECONDS)) {
            throw Problem.of(Problem.Kind.BUSY, "another lesson is being made")
                    .where("run " + run)
                    .instead("ask again when it is finished");
        }
        try {
            Map<String, byte[]> files = Lesson.of(
                    address.get(),
                    token,
                    run,
                    request.chapters(),
                    request.maxBytes() == null ? Lesson.MAX_BYTES : request.maxBytes(),
                    queue.cancellation(),
                    p -> events.send(new RunEvent("progress", p)));
            ByteArrayOutputStream zip = new ByteArrayOutputStream();
            Lesson.zip(files, zip);
            return zip.toByteArray();
        } finally {
            one.release();
        }
    }
}
