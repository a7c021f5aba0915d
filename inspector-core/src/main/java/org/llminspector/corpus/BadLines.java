package org.llminspector.corpus;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.base.Problem;

/** Lines of a corpus that are no documents: refused, or counted with the first ones named. */
public final class BadLines {

    private static final int NAMED = 5;

    private final boolean skip;
    private final List<String> first = new ArrayList<>();
    private long count;

    public BadLines(boolean skip) {
        this.skip = skip;
    }

    /** @throws Problem the same, unless bad lines are skipped */
    void add(String where, Problem problem) {
        if (!skip) throw problem;
        count++;
        if (first.size() < NAMED) first.add(where + ": " + problem.what());
    }

    public long count() {
        return count;
    }

    /** Where the first ones are, and why. */
    public List<String> first() {
        return List.copyOf(first);
    }

    /** Forgets all, when a corpus is read again. */
    public void clear() {
        first.clear();
        count = 0;
    }

    static Problem bad(String what, String where, String expected, Object found) {
        return Problem.invalid(what)
                .where(where)
                .expected(expected)
                .found(found)
                .instead("mend the line, or skip bad lines (--skip-bad-lines)");
    }
}
