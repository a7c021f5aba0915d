package org.llminspector.base;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The only exception shown to users: what went wrong, where, what was expected, what was found, and what to do instead.
 *
 * <p>The web layer renders it as RFC 9457 problem+json, the command line as a few plain lines. Any other exception is a
 * defect of the program and is reported as {@link Kind#INTERNAL}.
 */
public final class Problem extends RuntimeException {

    private static final int SHOWN = 120;
    /** Longest part that quotes a request. */
    private static final int MAX_PART = 2_000;

    /** Kind of problem, with its HTTP status and process exit code. */
    public enum Kind {
        /** The request itself is wrong. */
        INVALID(400, 2),
        /** The thing named does not exist. */
        NOT_FOUND(404, 3),
        /** The work was cancelled before its end. */
        CANCELLED(409, 4),
        /** The request contradicts something that exists. */
        CONFLICT(409, 4),
        /** The request would need more memory, context or space than is allowed. */
        TOO_LARGE(413, 5),
        /** The request is understood, but this model, engine or device cannot do it. */
        UNSUPPORTED(422, 6),
        /** Too many requests are waiting. */
        BUSY(429, 7),
        /** Another server, such as the model hub, failed or sent an invalid answer. */
        UPSTREAM(502, 8),
        /** Data cannot be written: the disk is full, or this user may not write to the folder. */
        STORAGE(507, 9),
        /** A defect of the program, or a machine that failed. */
        INTERNAL(500, 1);

        private final int httpStatus;
        private final int exitCode;

        Kind(int httpStatus, int exitCode) {
            this.httpStatus = httpStatus;
            this.exitCode = exitCode;
        }

        public int httpStatus() {
            return httpStatus;
        }

        public int exitCode() {
            return exitCode;
        }
    }

    private final Kind kind;
    private final String what;
    private final String where;
    private final String expected;
    private final String found;
    private final String instead;

    private Problem(
            Kind kind, String what, String where, String expected, String found, String instead, Throwable cause) {
        super(sentence(what, where, expected, found, instead), cause);
        this.kind = kind;
        this.what = what;
        this.where = where;
        this.expected = expected;
        this.found = found;
        this.instead = instead;
    }

    public static Problem of(Kind kind, String what) {
        return new Problem(kind, what, null, null, null, null, null);
    }

    public static Problem invalid(String what) {
        return of(Kind.INVALID, what);
    }

    public static Problem notFound(String what) {
        return of(Kind.NOT_FOUND, what);
    }

    public static Problem tooLarge(String what) {
        return of(Kind.TOO_LARGE, what);
    }

    public static Problem unsupported(String what) {
        return of(Kind.UNSUPPORTED, what);
    }

    /** The file, tensor, field, hook or request part that is wrong. */
    public Problem where(Object where) {
        return new Problem(kind, what, part(where), expected, found, instead, getCause());
    }

    public Problem expected(Object expected) {
        return new Problem(kind, what, where, part(expected), found, instead, getCause());
    }

    public Problem found(Object found) {
        return new Problem(kind, what, where, expected, part(found), instead, getCause());
    }

    /** What the user can do instead, as a sentence. */
    public Problem instead(String instead) {
        return new Problem(kind, what, where, expected, found, instead, getCause());
    }

    public Problem causedBy(Throwable cause) {
        return new Problem(kind, what, where, expected, found, instead, cause);
    }

    public Kind kind() {
        return kind;
    }

    public String what() {
        return what;
    }

    /** May be null, like every part but {@link #what()}. */
    public String where() {
        return where;
    }

    public String expected() {
        return expected;
    }

    public String found() {
        return found;
    }

    public String instead() {
        return instead;
    }

    /** A name from a file in quotes, truncated and with control characters escaped. */
    public static String shown(String name) {
        StringBuilder out = new StringBuilder("\"");
        int length = Math.min(name.length(), SHOWN);
        for (int i = 0; i < length; i++) {
            char c = name.charAt(i);
            if (Character.isISOControl(c) || Character.isSurrogate(c) || c == '"' || c == '\u2028' || c == '\u2029') {
                out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        if (name.length() > SHOWN) out.append("... (").append(name.length()).append(" characters)");
        return out.append('"').toString();
    }

    private static String part(Object value) {
        String text = String.valueOf(value);
        return text.length() <= MAX_PART
                ? text
                : text.substring(0, MAX_PART) + "... (" + text.length() + " characters)";
    }

    private static String sentence(String what, String where, String expected, String found, String instead) {
        List<String> parts = new ArrayList<>();
        parts.add(where == null ? what : what + " (" + where + ")");
        if (expected != null) parts.add("expected " + expected);
        if (found != null) parts.add("found " + found);
        if (instead != null) parts.add(instead);
        return String.join("; ", parts);
    }
}
