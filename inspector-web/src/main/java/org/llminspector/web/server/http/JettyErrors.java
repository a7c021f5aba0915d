package org.llminspector.web.server.http;

import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.llminspector.base.Problem;

/**
 * Error handler that answers problem+json where Jetty itself refuses a request: a malformed address, a header too
 * large.
 */
public final class JettyErrors implements Request.Handler {

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        Problem problem =
                Problem.invalid("the request cannot be answered").found(status + " " + HttpStatus.getMessage(status));
        String path = request.getHttpURI() == null ? null : request.getHttpURI().getPath();
        answer(response, callback, ProblemDetail.of(status, "http", problem, path));
        return true;
    }

    /** Answers in place of a route. */
    static void answer(Response response, Callback callback, ProblemDetail problem) {
        response.setStatus(problem.status());
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Problems.MEDIA_TYPE);
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
        if (problem.status() == HttpStatus.TOO_MANY_REQUESTS_429
                || problem.status() == HttpStatus.SERVICE_UNAVAILABLE_503) {
            response.getHeaders().put(HttpHeader.RETRY_AFTER, Problems.RETRY_AFTER);
        }
        Content.Sink.write(response, true, new String(Problems.json(problem), StandardCharsets.UTF_8), callback);
    }
}
