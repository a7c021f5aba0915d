package org.llminspector.tokenize.jinja;

import java.util.List;
import java.util.function.Supplier;

/** Interpreter is one rendering of a template: its scopes, and its limits of time and size. */
final class Interpreter {

    /** Most characters that a template writes, and that any string of it has. */
    static final int MAX_CHARACTERS = 4 << 20;
    /** Most characters and list items that all its expressions make together. */
    private static final long MAX_MADE = 64 << 20;

    /** Most expressions that are evaluated, and turns of all its loops. */
    private static final int MAX_STEPS = 1_000_000;

    private static final long MAX_NANOS = 5_000_000_000L;
    private static final int MAX_CALLS = 100;

    private final long begun = System.nanoTime();
    private Scope scope = new Scope(null);
    private Loop loop;
    private int steps;
    private long made;
    private int calls;
    private int line;

    Scope scope() {
        return scope;
    }

    /** The loop whose body runs, or null. */
    Loop loop() {
        return loop;
    }

    /** Where the expression stands that was evaluated last. */
    int line() {
        return line;
    }

    /** Something that is done within a scope and, if not null, a loop. */
    <T> T within(Scope inner, Loop of, Supplier<T> work) {
        Scope outer = scope;
        Loop before = loop;
        scope = inner;
        loop = of;
        try {
            return work.get();
        } finally {
            scope = outer;
            loop = before;
        }
    }

    /** A macro's body, with as many calls in calls as Python would allow a template. */
    String call(Scope inner, Supplier<String> work) {
        if (++calls > MAX_CALLS) throw new JinjaError("macros call each other too deeply");
        try {
            return within(inner, null, work);
        } finally {
            calls--;
        }
    }

    /** An expression of that line is evaluated. */
    void begin(int ofLine) {
        line = ofLine;
        step();
    }

    void step() {
        if (++steps > MAX_STEPS || System.nanoTime() - begun > MAX_NANOS) {
            throw new JinjaError("the template runs too long");
        }
    }

    /** Counts what an expression has made. */
    <T> T made(T value) {
        made += value instanceof String s ? s.length() : value instanceof List<?> l ? l.size() : 1;
        if (made > MAX_MADE) throw new JinjaError("the template makes too many texts and lists");
        step();
        return value;
    }

    static void checkLength(long characters) {
        if (characters > MAX_CHARACTERS)
            throw new JinjaError("the template writes more than " + MAX_CHARACTERS + " characters");
    }
}
