package org.llminspector.sandbox;

import org.llminspector.base.Problem;

/**
 * Result of a sandboxed probe.
 *
 * @param kind of the problem found; null for none
 * @param failed what ended the process, or the program's own failure; null for neither
 */
record Verdict(
        Problem.Kind kind, String what, String where, String expected, String found, String instead, String failed) {

    static final Verdict GOOD = new Verdict(null, null, null, null, null, null, null);

    static Verdict of(Problem p) {
        return new Verdict(p.kind(), p.what(), p.where(), p.expected(), p.found(), p.instead(), null);
    }

    static Verdict failed(String how) {
        return new Verdict(null, null, null, null, null, null, how);
    }

    boolean good() {
        return kind == null && failed == null;
    }

    /** The problem found. */
    Problem problem() {
        Problem p = Problem.of(kind, what);
        if (where != null) p = p.where(where);
        if (expected != null) p = p.expected(expected);
        if (found != null) p = p.found(found);
        return instead == null ? p : p.instead(instead);
    }
}
