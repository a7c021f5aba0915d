package org.llminspector.run.lab.side;

/** Listener to an analysis's progress, which throws the Problem of one that was cancelled. */
@FunctionalInterface
public interface Steps {

    /** @param phase what is done now: {@code opening}, {@code rows} */
    void at(String phase, int done, int total);
}
