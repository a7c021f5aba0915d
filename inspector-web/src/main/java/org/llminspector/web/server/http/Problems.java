package org.llminspector.web.server.http;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.javalin.http.Context;
import io.javalin.http.HandlerType;
import io.javalin.http.HttpResponseException;
import io.javalin.http.MethodNotAllowedResponse;
import io.javalin.router.EndpointNotFound;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Conversion of exceptions to problem+json; defects are logged under an incident's id. */
public final class Problems {

    public static final String MEDIA_TYPE = "application/problem+json";
    /** Seconds after which the queue may have room. */
    public static final String RETRY_AFTER = "5";

    private static final Logger LOG = LoggerFactory.getLogger(Problems.class);

    private Problems() {}

    public static void answer(Context ctx, Exception e) {
        ProblemDetail problem = detail(e, ctx.method() + " " + ctx.path(), ctx.path());
        if (ctx.res().isCommitted()) {
            LOG.warn("{} {} broke off after its answer had begun: {}", ctx.method(), ctx.path(), problem.detail());
            return;
        }
        if (e instanceof MethodNotAllowedResponse m) ctx.header("Allow", allowed(m));
        answer(ctx, problem);
    }

    public static void answer(Context ctx, ProblemDetail problem) {
        if (problem.status() == 401) ctx.header("WWW-Authenticate", "Bearer realm=\"LLM Inspector\"");
        if (problem.status() == 429) ctx.header("Retry-After", RETRY_AFTER);
        ctx.removeHeader("ETag");
        ctx.header("Cache-Control", "no-store");
        ctx.status(problem.status());
        if (OpenAiFailure.speaks(ctx.path()))
            ctx.contentType("application/json").result(json(OpenAiFailure.of(problem)));
        else ctx.contentType(MEDIA_TYPE).result(json(problem));
    }

    /** The problem that the client receives for an exception. */
    public static ProblemDetail detail(Throwable e, String request, String instance) {
        if (e instanceof HttpProblem p) return p.detail(instance);
        if (e instanceof Problem p && p.kind() != Problem.Kind.INTERNAL) return ProblemDetail.of(p, instance);
        if (e instanceof EndpointNotFound) {
            return ProblemDetail.of(
                    Problem.notFound("there is nothing here")
                            .where(request)
                            .instead("/docs lists every path of the REST interface"),
                    instance);
        }
        if (e instanceof MethodNotAllowedResponse m) {
            return ProblemDetail.of(
                    405,
                    "method-not-allowed",
                    Problem.invalid("this path does not answer to this method")
                            .where(request)
                            .expected(allowed(m)),
                    instance);
        }
        if (e instanceof HttpResponseException h && h.getStatus() < 500) {
            return ProblemDetail.of(h.getStatus(), "http", Problem.invalid(h.getMessage()), instance);
        }
        return defect(e, request, instance);
    }

    /** Javalin handles an Error separately from exceptions. */
    public static void answer(HttpServletResponse response, Error e) {
        ProblemDetail problem = detail(e, "a request", null);
        if (response.isCommitted()) return;
        response.setStatus(problem.status());
        response.setContentType(MEDIA_TYPE);
        try {
            response.getOutputStream().write(json(problem));
        } catch (IOException gone) {
            LOG.debug("The one who asked is gone", gone);
        }
    }

    private static ProblemDetail defect(Throwable e, String request, String instance) {
        String incident =
                String.format(Locale.ROOT, "%08x", ThreadLocalRandom.current().nextInt());
        LOG.error("Incident {}: {} failed", incident, request, e);
        Problem problem = e instanceof Problem p
                ? p
                : Problem.of(Problem.Kind.INTERNAL, "the program failed")
                        .where(request)
                        .instead("look for incident " + incident + " in the server's log, and report it");
        return ProblemDetail.of(problem, instance).withIncident(incident);
    }

    private static String allowed(MethodNotAllowedResponse e) {
        return e.getDetails().values().stream().findFirst().orElse(HandlerType.GET.name());
    }

    public static byte[] json(Object value) {
        try {
            return Json.mapper().writeValueAsBytes(value);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }
}
