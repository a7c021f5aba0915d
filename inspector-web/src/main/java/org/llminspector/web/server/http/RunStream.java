package org.llminspector.web.server.http;

import io.javalin.http.Context;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Semaphore;
import org.llminspector.base.Problem;
import org.llminspector.run.work.RunQueue;

/**
 * Answer of a request as server-sent events.
 *
 * <p>The work runs on a thread of its own and puts its events into a queue, from which the request's thread writes
 * them: a slow reader never blocks the engine. A reader with too many waiting events is cancelled like one that
 * disconnects. Work that is refused before its first event is answered with a plain problem.
 */
public final class RunStream {

    private static final long HEARTBEAT_MS = 2_000;
    private static final byte[] HEARTBEAT = ": waiting\n\n".getBytes(StandardCharsets.UTF_8);

    /** Most requests at once that the run queue does not bound: followed trainings, pulls. */
    private static final int MOST_BOUNDED = 24;

    private final RunQueue queue;
    private final ExecutorService threads;
    private final Semaphore places = new Semaphore(MOST_BOUNDED);

    public RunStream(RunQueue queue, ExecutorService threads) {
        this.queue = queue;
        this.threads = threads;
    }

    /** Encoding of an event. */
    @FunctionalInterface
    public interface Wire {
        byte[] frame(RunEvent event) throws IOException;
    }

    /** Streams the events of any work; its result becomes the event done, its exception the event error. */
    public void answer(Context ctx, Events events, Callable<?> work) throws Exception {
        answer(ctx, events, work, RunStream::frame);
    }

    /** The same, in another encoding. */
    public void answer(Context ctx, Events events, Callable<?> work, Wire wire) throws Exception {
        RunQueue.Caller caller = queue.caller();
        String path = ctx.path();
        events.onOverflow(caller::cancel);
        threads.execute(() -> events.send(toEnd(caller, work, path)));
        try {
            write(ctx, events, wire);
        } catch (IOException disconnected) {
            caller.cancel();
        }
    }

    /** Does work that the run queue does not bound; refuses it where too many such requests are under way. */
    public <T> T bounded(Callable<T> work) throws Exception {
        if (!places.tryAcquire()) {
            throw Problem.of(Problem.Kind.BUSY, "too many pulls and watched trainings are under way")
                    .expected("at most " + MOST_BOUNDED)
                    .instead("end one of them");
        }
        try {
            return work.call();
        } finally {
            places.release();
        }
    }

    private static RunEvent toEnd(RunQueue.Caller caller, Callable<?> work, String path) {
        try {
            return new RunEvent("done", caller.call(work));
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
        OutputStream out = ctx.res().getOutputStream(); // Javalin's stream compresses, and so delays
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
        frame.write(Problems.json(event.data())); // Problems.json writes a single line
        frame.write("\n\n".getBytes(StandardCharsets.UTF_8));
        return frame.toByteArray();
    }
}
