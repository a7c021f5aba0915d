package org.llminspector.web.server.http;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Handler;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.eclipse.jetty.util.thread.Invocable;
import org.llminspector.base.Problem;

/**
 * Jetty handler that receives a request's whole body asynchronously: a slow or endless body occupies no thread, only
 * its bytes, and the bytes of all requests together are bounded.
 *
 * <p>Jetty's EagerContentHandler does this too, but keeps every chunk in its 8 KiB network buffer, and bounds only each
 * request.
 */
public final class Bodies extends Handler.Wrapper {

    public static final int MAX_BODY = 4 << 20;
    /** Bytes up to which a body that is too large is read and discarded, so that its sender receives the answer. */
    private static final long MAX_DRAINED = 64L << 20;
    /** Bytes of all bodies that no route has read yet. */
    private static final long MAX_HELD = 128L << 20;
    /** Least rate of a body after the first seconds, in bytes per second. */
    private static final long LEAST_RATE = 4 << 10;

    private static final long FIRST_SECONDS = 10;

    private static final int FIRST_BYTES = 8 << 10;

    private final long maxHeld;
    private final long firstSeconds;
    private final AtomicLong held = new AtomicLong();

    public Bodies() {
        this(MAX_HELD, FIRST_SECONDS);
    }

    /**
     * @param maxHeld bytes of all bodies together
     * @param firstSeconds in which the rate is not checked
     */
    public Bodies(long maxHeld, long firstSeconds) {
        this.maxHeld = maxHeld;
        this.firstSeconds = firstSeconds;
    }

    /** Bytes of the bodies that no route has read yet. */
    public long held() {
        return held.get();
    }

    @Override
    public boolean handle(Request request, Response response, Callback callback) throws Exception {
        boolean chunked = request.getHeaders().contains(HttpHeader.TRANSFER_ENCODING);
        if (request.getLength() <= 0 && !chunked) return super.handle(request, response, callback);
        Body body = new Body(request, response, callback);
        boolean asksFirst = request.getHeaders().contains(HttpHeader.EXPECT);
        if (asksFirst && request.getLength() > MAX_BODY) body.tooLarge();
        else body.receive(false);
        return true;
    }

    /** One request's body while it is received. Jetty calls it on one thread at a time. */
    private final class Body implements Invocable.Task {

        private final Request request;
        private final Response response;
        private final Callback callback;
        private final long began = System.nanoTime();
        private final AtomicInteger reserved = new AtomicInteger();
        private byte[] bytes = new byte[0];
        private long received;

        Body(Request request, Response response, Callback callback) {
            this.request = request;
            this.response = response;
            this.callback = callback;
            Request.addCompletionListener(request, failure -> release());
        }

        @Override
        public InvocationType getInvocationType() {
            return InvocationType.NON_BLOCKING;
        }

        @Override
        public void run() {
            receive(true);
        }

        /** Reads the available chunks and demands more. */
        void receive(boolean later) {
            while (true) {
                Content.Chunk chunk = request.read();
                if (chunk == null) {
                    if (tooSlow()) slow();
                    else request.demand(this);
                    return;
                }
                if (Content.Chunk.isFailure(chunk)) {
                    aborted(chunk.getFailure());
                    return;
                }
                boolean kept = keep(chunk.getByteBuffer());
                chunk.release();
                if (!kept) {
                    tooMany();
                    return;
                }
                if (received > MAX_DRAINED || (chunk.isLast() && received > MAX_BODY)) {
                    tooLarge();
                    return;
                }
                if (chunk.isLast()) {
                    if (later) request.getContext().execute(this::handOn);
                    else handOn();
                    return;
                }
            }
        }

        private boolean tooSlow() {
            long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began);
            return seconds > firstSeconds && received < seconds * LEAST_RATE;
        }

        /** False when the bound of all bodies is reached. */
        private boolean keep(ByteBuffer more) {
            int n = more.remaining();
            int from = (int) Math.min(received, MAX_BODY);
            received += n;
            if (received > MAX_BODY) {
                release();
                bytes = new byte[0];
                return true;
            }
            if (from + n > bytes.length) {
                int size = Math.max(from + n, Math.min(MAX_BODY, Math.max(FIRST_BYTES, 2 * bytes.length)));
                int grown = size - bytes.length;
                if (held.addAndGet(grown) > maxHeld) {
                    held.addAndGet(-grown);
                    return false;
                }
                reserved.addAndGet(grown);
                bytes = Arrays.copyOf(bytes, size);
            }
            more.get(bytes, from, n);
            return true;
        }

        private void release() {
            held.addAndGet(-reserved.getAndSet(0));
        }

        private void handOn() {
            try {
                if (getHandler().handle(new Received(this), response, callback)) return;
                Response.writeError(request, response, callback, HttpStatus.NOT_FOUND_404);
            } catch (Throwable t) {
                Response.writeError(request, response, callback, t);
            }
        }

        void tooLarge() {
            refuse(ProblemDetail.of(
                    Problem.tooLarge("the request's body is too large")
                            .where("the request's body")
                            .expected("at most " + MAX_BODY + " bytes")
                            .found(Math.max(request.getLength(), received) + " bytes or more")
                            .instead("shorten the prompt: no model here reads that much at once"),
                    path()));
        }

        private void tooMany() {
            refuse(ProblemDetail.of(
                    Problem.of(Problem.Kind.BUSY, "too many requests with a body are under way")
                            .where("the request's body")
                            .instead("try again in a few seconds"),
                    path()));
        }

        private void slow() {
            Problem problem = Problem.invalid("the request's body comes too slowly")
                    .where("the request's body")
                    .expected("at least " + LEAST_RATE + " bytes per second")
                    .found(received + " bytes in " + TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began) + " s");
            refuse(ProblemDetail.of(HttpStatus.REQUEST_TIMEOUT_408, "request-timeout", problem, path()));
        }

        private void aborted(Throwable failure) {
            refuse(ProblemDetail.of(
                    Problem.invalid("the request's body broke off").found(failure.getMessage()), path()));
        }

        private void refuse(ProblemDetail problem) {
            release();
            bytes = new byte[0];
            JettyErrors.answer(response, callback, problem);
        }

        private String path() {
            return request.getHttpURI().getPath();
        }
    }

    /** A request whose body has been received. */
    private static final class Received extends Request.Wrapper {

        private final Body body;
        private boolean read;

        Received(Body body) {
            super(body.request);
            this.body = body;
        }

        @Override
        public Content.Chunk read() {
            if (read) return Content.Chunk.EOF;
            read = true;
            ByteBuffer whole = ByteBuffer.wrap(body.bytes, 0, (int) body.received);
            body.release();
            body.bytes = new byte[0];
            return Content.Chunk.from(whole, true);
        }

        @Override
        public void demand(Runnable whenThereIsMore) {
            getContext().execute(whenThereIsMore);
        }
    }
}
