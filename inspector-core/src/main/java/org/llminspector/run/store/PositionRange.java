package org.llminspector.run.store;

/**
 * Range of a run's positions.
 *
 * @param start the first
 * @param stop the position after the last
 */
public record PositionRange(int start, int stop) {

    public boolean holds(PositionRange other) {
        return start <= other.start && other.stop <= stop;
    }

    public int size() {
        return stop - start;
    }

    @Override
    public String toString() {
        return start + ":" + stop;
    }
}
