package org.llminspector.tokenize.jinja.runtime;

import java.util.List;
import java.util.function.Supplier;

/** State of one rendering: its scopes, and its limits of time and size. */
public final class Interpreter {

    /** Most characters of a template's output, and of any string. */
    static final int MAX_CHARACTERS = 4 << 20;
    /** Most characters and list items that all its expressions create together. */
    private static final long MAX_MADE = 64 << 20;

    /** Most evaluated expressions and loop iterations. */
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

    public Scope scope() {
        return scope;
    }

    /** The loop whose body runs, or null. */
    public Loop loop() {
        return loop;
    }

    /** The line of the expression evaluated last. */
    public int line() {
        return line;
    }

    /** Runs {@code work} in a scope and, if not null, a loop. */
    public <T> T within(Scope inner, Loop of, Supplier<T> work) {
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

    /** Runs a macro's body; the depth of calls is limited as in Python. */
    public String call(Scope inner, Supplier<String> work) {
        if (++calls > MAX_CALLS) throw new JinjaError("macros call each other too deeply");
        try {
            return within(inner, null, work);
        } finally {
            calls--;
        }
    }

    /** Starts an expression of that line, and counts a step. */
    public void begin(int ofLine) {
        line = ofLine;
        step();
    }

    public void step() {
        if (++steps > MAX_STEPS || System.nanoTime() - begun > MAX_NANOS) {
            throw new JinjaError("the template runs too long");
        }
    }

    /** Counts the size of a created value. */
    public <T> T made(T value) {
        made += value instanceof String s ? s.length() : value instanceof List<?> l ? l.size() : 1;
        if (made > MAX_MADE) throw new JinjaError("the template makes too many texts and lists");
        step();
        return value;
    }

    public static void checkLength(long characters) {
        if (characters > MAX_CHARACTERS)
            throw new JinjaError("the template writes more than " + MAX_CHARACTERS + " characters");
    }
}
