package org.llminspector.tokenize.jinja.runtime;

/** Jinja2's error: an invalid template, or one that refuses its messages (raise_exception). */
public final class JinjaError extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** Line in the template, or 0 where it is not known. */
    private final int line;

    private final boolean raised;

    public JinjaError(String message) {
        this(message, 0, false);
    }

    public JinjaError(String message, int line, boolean raised) {
        super(message);
        this.line = line;
        this.raised = raised;
    }

    public int line() {
        return line;
    }

    /** Whether the template raised it itself. */
    public boolean raised() {
        return raised;
    }
}
