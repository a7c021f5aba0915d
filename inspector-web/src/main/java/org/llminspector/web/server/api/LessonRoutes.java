package org.llminspector.web.server.api;

import io.javalin.config.RoutesConfig;
import io.javalin.http.Context;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.run.Runs;
import org.llminspector.web.lesson.Lesson;
import org.llminspector.web.server.http.Requests;
import org.llminspector.web.server.http.Routes;

/** Routes that export a run as a lesson: the page and its data as files. */
public final class LessonRoutes implements Routes {

    /**
     * @param chapters folders or numbers, or null for all
     * @param maxBytes the most bytes of captures to recapture and include, or null
     */
    record LessonRequest(List<String> chapters, Long maxBytes) {}

    private final Runs runs;
    private final String token;
    private final Supplier<String> address;
    /** One export at a time: each sends hundreds of requests to this server. */
    private final Semaphore one = new Semaphore(1);

    public LessonRoutes(Runs runs, String token, Supplier<String> address) {
        this.runs = runs;
        this.token = token;
        this.address = address;
    }

    @Override
    public void register(RoutesConfig routes) {
        routes.post("/api/v1/runs/{id}/lesson", this::lesson);
    }

    private void lesson(Context ctx) throws IOException {
        String run = ctx.pathParam("id");
        LessonRequest request = Requests.optionalBody(ctx, LessonRequest.class);
        runs.stored().manifest(run);
        if (!one.tryAcquire()) {
            throw Problem.of(Problem.Kind.BUSY, "another lesson is being made")
                    .where("run " + run)
                    .instead("ask again when it is finished");
        }
        try {
            long most = request.maxBytes() == null ? Lesson.MAX_BYTES : request.maxBytes();
            Map<String, byte[]> files = Lesson.of(address.get(), token, run, request.chapters(), most, what -> {});
            ByteArrayOutputStream zip = new ByteArrayOutputStream();
            Lesson.zip(files, zip);
            ctx.header("Content-Disposition", "attachment; filename=\"lesson-" + run + ".zip\"");
            ctx.contentType("application/zip").result(zip.toByteArray());
        } finally {
            one.release();
        }
    }
}
