package org.llminspector.sandbox;

import org.llminspector.base.Problem;

/**
 * Verdict is how a trial ended.
 *
 * @param kind of the problem that was found; null when none was
 * @param failed what ended the process, or the program's own failure; null when nothing did
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

    /** The problem that was found. */
    Problem problem() {
        Problem p = Problem.of(kind, what);
        if (where != null) p = p.where(where);
        if (expected != null) p = p.expected(expected);
        if (found != null) p = p.found(found);
        return instead == null ? p : p.instead(instead);
    }
}
