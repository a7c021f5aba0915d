package org.llminspector.analysis.reduce.state;

import java.util.Arrays;
import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** The k best values of each unit, best first, with window and position; of equal values the earlier window's is better. */
public final class RankedValues {

    private final boolean largest;
    private final int k;
    private final float[] value; // [unit, k]
    private final long[] window; // [unit, k]
    private final int[] position; // [unit, k]

    public RankedValues(boolean largest, int units, int k) {
        this(largest, k, new float[units * k], new long[units * k], new int[units * k]);
        Arrays.fill(value, largest ? Float.NEGATIVE_INFINITY : Float.POSITIVE_INFINITY);
        Arrays.fill(window, -1);
        Arrays.fill(position, -1);
    }

    private RankedValues(boolean largest, int k, float[] value, long[] window, int[] position) {
        this.largest = largest;
        this.k = k;
        this.value = value;
        this.window = window;
        this.position = position;
    }

    /** The value that another has to beat: infinite until all places are filled. */
    public float worst(int unit) {
        return value[unit * k + k - 1];
    }

    /** Inserts the value of a later window, unless k are at least as good. */
    public void insert(int unit, int size, float v, long w, int p) {
        int first = unit * k;
        int at = first + size;
        if (size == k) {
            if (!beats(v, value[at - 1])) return;
            at--;
        }
        while (at > first && beats(v, value[at - 1])) {
            value[at] = value[at - 1];
            window[at] = window[at - 1];
            position[at] = position[at - 1];
            at--;
        }
        value[at] = v;
        window[at] = w;
        position[at] = p;
    }

    private boolean beats(float a, float b) {
        return largest ? a > b : a < b;
    }

    /** Merges a unit with that of later windows. */
    public void merge(int unit, int size, RankedValues later, int more) {
        int n = size;
        for (int i = unit * k; i < unit * k + more; i++) {
            insert(unit, n, later.value[i], later.window[i], later.position[i]);
            n = Math.min(k, n + 1);
        }
    }

    public void write(String at, SortedMap<String, Tensor> state) {
        int units = value.length / k;
        state.put(at + "value", State.of(value, units, k));
        state.put(at + "window", State.of(window, units, k));
        state.put(at + "position", State.of(position, units, k));
    }

    public static RankedValues read(boolean largest, int units, int k, String at, Function<String, Tensor> from) {
        float[] value = State.floats(from.apply(at + "value"), at + "value");
        long[] window = State.longs(from.apply(at + "window"), at + "window");
        int[] position = State.ints(from.apply(at + "position"), at + "position");
        State.same(units * k, value.length, at + "value");
        State.same(units * k, window.length, at + "window");
        State.same(units * k, position.length, at + "position");
        return new RankedValues(largest, k, value, window, position);
    }
}
