package org.llminspector.analysis.reduce.state;

import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** A growing table with one row a window: columns of I64 and of F64, in the order of the windows. */
public final class WindowTable {

    private final String at;
    private final List<String> integers;
    private final List<String> numbers;
    private final long[][] longs; // [column][window]
    private final double[][] doubles; // [column][window]
    private int size;

    /** @param at the names' beginning, {@code loss/window/} */
    public WindowTable(String at, List<String> integers, List<String> numbers) {
        this.at = at;
        this.integers = integers;
        this.numbers = numbers;
        this.longs = new long[integers.size()][0];
        this.doubles = new double[numbers.size()][0];
    }

    /** Adds an empty row, whose cells are then set. */
    public void add() {
        grow(size + 1);
        size++;
    }

    /** Sets an I64 cell of the last row. */
    public void integer(int column, long value) {
        longs[column][size - 1] = value;
    }

    /** Sets an F64 cell of the last row. */
    public void number(int column, double value) {
        doubles[column][size - 1] = value;
    }

    public void write(SortedMap<String, Tensor> state) {
        if (size == 0) return;
        for (int c = 0; c < longs.length; c++) {
            state.put(at + integers.get(c), State.of(Arrays.copyOf(longs[c], size), size));
        }
        for (int c = 0; c < doubles.length; c++) {
            state.put(at + numbers.get(c), State.of(Arrays.copyOf(doubles[c], size), size));
        }
    }

    public void merge(Function<String, Tensor> later) {
        if (later.apply(at + integers.get(0)) == null) return;
        int before = size;
        for (int c = 0; c < longs.length; c++) {
            long[] more = State.longs(later.apply(at + integers.get(c)), at + integers.get(c));
            if (c == 0) {
                grow(before + more.length);
                size = before + more.length;
            }
            State.same(size - before, more.length, at + integers.get(c));
            System.arraycopy(more, 0, longs[c], before, more.length);
        }
        for (int c = 0; c < doubles.length; c++) {
            double[] more = State.doubles(later.apply(at + numbers.get(c)), at + numbers.get(c));
            State.same(size - before, more.length, at + numbers.get(c));
            System.arraycopy(more, 0, doubles[c], before, more.length);
        }
    }

    public long bytes(long windows) {
        return windows * (longs.length * (long) Long.BYTES + doubles.length * (long) Double.BYTES);
    }

    private void grow(int rows) {
        if (rows <= longs[0].length) return;
        int to = Math.max(rows, longs[0].length + longs[0].length / 2 + 16);
        for (int c = 0; c < longs.length; c++) longs[c] = Arrays.copyOf(longs[c], to);
        for (int c = 0; c < doubles.length; c++) doubles[c] = Arrays.copyOf(doubles[c], to);
    }
}
