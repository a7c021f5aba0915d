package org.llminspector.web.server.http;

import java.util.Locale;
import org.llminspector.base.Problem;
import org.llminspector.base.RootNames;

/**
 * Problem as RFC 9457 (application/problem+json), with fields of our own.
 *
 * @param type {@code /problems/invalid} and the like: the kind of problem
 * @param title the same as {@code what}
 * @param detail all parts as one sentence
 * @param instance the request's path
 * @param incident only for defects of the program: the id in the server's log
 */
public record ProblemDetail(
        String type,
        String title,
        int status,
        String detail,
        String instance,
        String what,
        String where,
        String expected,
        String found,
        String instead,
        String incident) {

    public static ProblemDetail of(Problem p, String instance) {
        String type = p.kind().name().toLowerCase(Locale.ROOT).replace('_', '-');
        return of(p.kind().httpStatus(), type, p, instance);
    }

    public static ProblemDetail of(int status, String type, Problem p, String instance) {
        return new ProblemDetail(
                "/problems/" + type,
                p.what(),
                status,
                RootNames.shown(p.getMessage()),
                instance,
                p.what(),
                RootNames.shown(p.where()),
                RootNames.shown(p.expected()),
                RootNames.shown(p.found()),
                RootNames.shown(p.instead()),
                null);
    }

    public ProblemDetail withIncident(String id) {
        return new ProblemDetail(type, title, status, detail, instance, what, where, expected, found, instead, id);
    }
}
