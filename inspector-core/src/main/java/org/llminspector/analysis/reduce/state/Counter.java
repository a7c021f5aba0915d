package org.llminspector.analysis.reduce.state;

import java.util.SortedMap;
import java.util.function.Function;
import org.llminspector.base.Tensor;

/** One count, I64 [1]; missing from a state while it is 0. */
public final class Counter {

    private final String name;
    private long n;

    public Counter(String name) {
        this.name = name;
    }

    public void add(long more) {
        n += more;
    }

    public void write(SortedMap<String, Tensor> state) {
        if (n > 0) state.put(name, State.of(new long[] {n}, 1));
    }

    public void merge(Function<String, Tensor> later) {
        Tensor more = later.apply(name);
        if (more == null) return;
        long[] values = State.longs(more, name);
        State.same(1, values.length, name);
        n += values[0];
    }
}
