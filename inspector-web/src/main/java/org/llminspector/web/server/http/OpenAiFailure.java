package org.llminspector.web.server.http;

import com.fasterxml.jackson.annotation.JsonInclude;

/** A problem in the shape that OpenAI's clients read, under {@code /v1}. */
public record OpenAiFailure(Fault error) {

    /** Whether errors at this path have OpenAI's shape. */
    public static boolean speaks(String path) {
        return path.startsWith("/v1/") || path.matches("/as/[^/]+/v1/.*");
    }

    public record Fault(
            String message,
            String type,
            @JsonInclude(JsonInclude.Include.ALWAYS) String param,
            String code) {}

    public static OpenAiFailure of(ProblemDetail p) {
        String type = p.status() == 401
                ? "authentication_error"
                : p.status() == 429 ? "rate_limit_error" : p.status() < 500 ? "invalid_request_error" : "server_error";
        return new OpenAiFailure(new Fault(p.detail(), type, p.where(), p.type().substring("/problems/".length())));
    }
}
