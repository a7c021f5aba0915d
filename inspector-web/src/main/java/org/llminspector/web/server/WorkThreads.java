package org.llminspector.web.server;

import io.javalin.http.Context;
import io.javalin.http.Handler;
import io.javalin.router.Endpoint;
import java.io.IOException;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.SynchronousQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.llminspector.base.Problem;
import org.llminspector.run.work.RunQueue;
import org.llminspector.web.server.api.LearningRoutes;
import org.llminspector.web.server.http.OpenAiFailure;
import org.llminspector.web.server.http.Problems;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Threads for requests that wait for an engine or compute for long; Jetty's threads stay free for requests that only
 * read. Each such request is a caller of the queue, which is cancelled when its client disconnects.
 */
final class WorkThreads implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(WorkThreads.class);
    /** Interval at which clients' connections are checked. */
    private static final long LOOK_MS = 500;
    /** Threads in addition to those of requests that wait in the queue. */
    private static final int SPARE = 64;
    /** GET requests that run a model, or compute over whole tensors. */
    private static final Pattern WORKING_GET = Pattern.compile("/api/v1/.*/(cells/[^/]+|quantization|statistics)");

    /** HTTP methods; Javalin's own kinds of handlers, such as before, are not wrapped. */
    private static final Set<String> METHODS = Set.of("GET", "POST", "DELETE");

    private final RunQueue queue;
    private final ThreadPoolExecutor threads;
    private final ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor(daemon("client-watch"));
    private final Map<RunQueue.Caller, ClientEndPoint> open = new ConcurrentHashMap<>();
    private final ScheduledFuture<?> looks;
    private volatile boolean closing;

    WorkThreads(RunQueue queue) {
        this.queue = queue;
        this.threads = new ThreadPoolExecutor(
                0, queue.most() + SPARE, 60, TimeUnit.SECONDS, new SynchronousQueue<>(), daemon("work"));
        this.looks = watch.scheduleWithFixedDelay(this::look, LOOK_MS, LOOK_MS, TimeUnit.MILLISECONDS);
    }

    static ThreadFactory daemon(String name) {
        return task -> {
            Thread thread = new Thread(task, name);
            thread.setDaemon(true);
            return thread;
        };
    }

    /** Whether such a request runs here: it creates something, streams, computes for long, or waits for such work. */
    static boolean takes(String method, String path, String accept) {
        if (method.equals("POST") || (method.equals("DELETE") && path.startsWith(LearningRoutes.LEARNERS))) return true;
        boolean streams = accept != null && accept.contains("text/event-stream");
        return method.equals("GET") && (streams || WORKING_GET.matcher(path).matches());
    }

    /** The endpoint's handler, wrapped to run on these threads where {@link #takes} says so. */
    Handler wrap(Endpoint endpoint) {
        String method = endpoint.method.name();
        if (!METHODS.contains(method)) return endpoint.handler;
        return ctx -> {
            if (takes(method, ctx.path(), ctx.header("Accept"))) ctx.future(() -> begin(ctx, endpoint.handler));
            else endpoint.handler.handle(ctx);
        };
    }

    private CompletableFuture<Void> begin(Context ctx, Handler handler) {
        RunQueue.Caller caller = queue.caller(ctx.method().name() + " " + ctx.path(), OpenAiFailure.speaks(ctx.path()));
        ClientEndPoint client = ClientEndPoint.of(ctx.req());
        CompletableFuture<Void> answered = new CompletableFuture<>();
        if (client != null) open.put(caller, client);
        if (closing) caller.cancel();
        try {
            threads.execute(() -> {
                try {
                    answer(ctx, handler, caller);
                } finally {
                    open.remove(caller);
                    answered.complete(null);
                }
            });
        } catch (RejectedExecutionException e) {
            open.remove(caller);
            throw Problem.of(Problem.Kind.BUSY, "too many requests are under way")
                    .expected("at most " + threads.getMaximumPoolSize())
                    .instead("try again in a few seconds");
        }
        return answered;
    }

    private static void answer(Context ctx, Handler handler, RunQueue.Caller caller) {
        try {
            caller.call(() -> {
                handler.handle(ctx);
                return null;
            });
        } catch (IOException e) {
            if (caller.cancelled()) LOG.debug("The client of {} {} has disconnected", ctx.method(), ctx.path(), e);
            else Problems.answer(ctx, e);
        } catch (Exception e) {
            Problems.answer(ctx, e);
        } catch (Error e) {
            Problems.answer(ctx.res(), e);
        }
    }

    private void look() {
        open.forEach((caller, client) -> {
            try {
                if (client.disconnected()) caller.cancel();
            } catch (RuntimeException e) {
                LOG.warn("A client's connection cannot be looked at", e);
            }
        });
    }

    /** Cancels the work of all current and later requests. */
    void cancelAll() {
        closing = true;
        open.keySet().forEach(RunQueue.Caller::cancel);
    }

    @Override
    public void close() {
        looks.cancel(false);
        watch.shutdown();
        threads.shutdown();
    }
}
