package org.llminspector.web.server;

import java.nio.charset.StandardCharsets;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.util.Callback;
import org.llminspector.base.Problem;

/** JettyErrors answers as problem+json where Jetty itself refuses a request: a malformed address, a header too large. */
final class JettyErrors implements Request.Handler {

    @Override
    public boolean handle(Request request, Response response, Callback callback) {
        int status = response.getStatus();
        Problem problem =
                Problem.invalid("the request cannot be answered").found(status + " " + HttpStatus.getMessage(status));
        String path = request.getHttpURI() == null ? null : request.getHttpURI().getPath();
        response.getHeaders().put(HttpHeader.CONTENT_TYPE, Problems.MEDIA_TYPE);
        response.getHeaders().put("X-Content-Type-Options", "nosniff");
        if (status == 503) response.getHeaders().put(HttpHeader.RETRY_AFTER, Problems.RETRY_AFTER);
        byte[] json = Problems.json(ProblemDetail.of(status, "http", problem, path));
        Content.Sink.write(response, true, new String(json, StandardCharsets.UTF_8), callback);
        return true;
    }
}
