package org.llminspector.web.server;

import io.javalin.http.Context;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.store.RunRequest;

/**
 * RunStream answers POST /runs as server-sent events.
 *
 * <p>The run has a thread of its own and puts its events into a queue, from which the request's thread writes them:
 * a slow reader never holds up the engine. A reader that is gone shows when something is written, if only a
 * heartbeat, and cancels the run; so does one that does not read for so long that too many events wait. A run that is refused before its first event is answered with a plain problem.
 */
final class RunStream {

    private static final long HEARTBEAT_MS = 2_000;
    private static final byte[] HEARTBEAT = ": waiting\n\n".getBytes(StandardCharsets.UTF_8);

    private final Inspector inspector;
    private final ExecutorService threads;
    private final Semaphore places;

    /** @param most streams at once: each holds one of the server's threads until it ends */
    RunStream(Inspector inspector, ExecutorService threads, int most) {
        this.inspector = inspector;
        this.threads = threads;
        this.places = new Semaphore(most);
    }

    void answer(Context ctx, RunRequest request, ActiveRuns active, Metrics metrics) throws Exception {
        Events events = new Events();
        LiveRun run = new LiveRun(active, metrics, events::tell);
        answer(ctx, events, () -> run.run(inspector, request), run::cancel);
    }

    /** Wire is how an event is written. */
    @FunctionalInterface
    interface Wire {
        byte[] frame(RunEvent event) throws IOException;
    }

    /** Streams the events of any work; its result becomes the event done, what it throws the event error. */
    void answer(Context ctx, Events events, Callable<?> work, Runnable cancel) throws Exception {
        answer(ctx, events, work, cancel, RunStream::frame);
    }

    /** The same, written in another way. */
    void answer(Context ctx, Events events, Callable<?> work, Runnable cancel, Wire wire) throws Exception {
        takePlace();
        String path = ctx.path();
        events.whenNobodyReads(cancel);
        try {
            threads.execute(() -> events.tell(toEnd(work, path)));
            write(ctx, events, wire);
        } catch (IOException gone) {
            cancel.run();
        } catch (InterruptedException e) {
            cancel.run();
            Thread.currentThread().interrupt();
        } finally {
            places.release();
        }
    }

    /** Does work that takes long and tells nothing until it is done; it counts as a stream. */
    <T> T silent(Callable<T> work) throws Exception {
        takePlace();
        try {
            return work.call();
        } finally {
            places.release();
        }
    }

    private void takePlace() {
        if (places.tryAcquire()) return;
        throw Problem.of(Problem.Kind.BUSY, "too many streams are open")
                .instead("close one, or ask without Accept: text/event-stream");
    }

    private static RunEvent toEnd(Callable<?> work, String path) {
        try {
            return new RunEvent("done", work.call());
        } catch (Throwable t) {
            return new RunEvent("error", Problems.detail(t, "POST " + path, path));
        }
    }

    private static void write(Context ctx, Events events, Wire wire) throws Exception {
        RunEvent event = events.next(HEARTBEAT_MS);
        if (event != null && event.data() instanceof ProblemDetail refused) {
            Problems.answer(ctx, refused);
            return;
        }
        ctx.status(200).contentType("text/event-stream; charset=utf-8");
        ctx.header("X-Accel-Buffering", "no");
        OutputStream out = ctx.res().getOutputStream(); // not Javalin's, which compresses and so holds back
        for (; event == null || !event.last(); event = events.next(HEARTBEAT_MS)) {
            out.write(event == null ? HEARTBEAT : wire.frame(event));
            ctx.res().flushBuffer();
        }
        out.write(wire.frame(event));
        ctx.res().flushBuffer();
    }

    private static byte[] frame(RunEvent event) throws IOException {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        frame.write(("event: " + event.name() + "\ndata: ").getBytes(StandardCharsets.UTF_8));
        frame.write(Problems.json(event.data())); // JSON on one line
        frame.write("\n\n".getBytes(StandardCharsets.UTF_8));
        return frame.toByteArray();
    }
}
