package org.llminspector.engine.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.types.Shape;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.engine.PositionTables;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Reach;
import org.llminspector.spec.Rope;

/** Position-dependent arrays: RoPE's cos and sin, the causal mask and ALiBi's biases. */
public final class Positions {

    private final NDManager manager;

    public Positions(NDManager manager) {
        this.manager = manager;
    }

    /** The arrays of one pass, made once and shared by its layers. They belong to the pass's NDScope. */
    Pass pass(int start, int count) {
        return new Pass(start, count);
    }

    private record Biased(Alibi alibi, Reach reach) {}

    /** The arrays for {@code count} positions from {@code start} on. */
    final class Pass implements AutoCloseable {
        private final int start;
        private final int count;
        private final List<NDArray> kept = new ArrayList<>();
        private final Map<Rope, NDArray[]> tables = new HashMap<>();
        private final Map<Reach, NDArray> masks = new HashMap<>();
        private final Map<Biased, NDArray> biases = new HashMap<>();
        private final Map<QueryScale, NDArray> scales = new HashMap<>();

        private Pass(int start, int count) {
            this.start = start;
            this.count = count;
        }

        int count() {
            return count;
        }

        int start() {
            return start;
        }

        /** Positions in the sequence after this pass. */
        int end() {
            return start + count;
        }

        NDManager manager() {
            return manager;
        }

        /** A value of each position, [1, pos]. */
        NDArray create(float[] values) {
            return manager.create(values, new Shape(1, values.length));
        }

        /** cos and signed sin, [pos, 1, dims] each. */
        List<NDArray> cosSin(Rope rope) {
            return List.of(tables.computeIfAbsent(rope, this::table));
        }

        /** Rotates each pair of [1, pos, head, d_head] by its position's angle. */
        NDArray rotate(NDArray x, Rope rope) {
            NDArray[] table = tables.computeIfAbsent(rope, this::table);
            long dHead = x.getShape().get(3);
            int turn = rope.rotaryDims();
            int half = turn / 2;
            boolean partial = turn < dHead;
            NDList parts = x.split(partial ? new long[] {half, turn} : new long[] {half}, 3);
            NDArray rotated = partial ? NDArrays.concat(new NDList(parts.get(0), parts.get(1)), -1) : x;
            // x cos + (second half, first half) sin, with sin negative in the first half
            NDArray swapped = NDArrays.concat(new NDList(parts.get(1), parts.get(0)), -1);
            NDArray out = rotated.mul(table[0]).add(swapped.mul(table[1]));
            return partial ? NDArrays.concat(new NDList(out, parts.get(2)), -1) : out;
        }

        /** cos and signed sin, [pos, 1, dims]. */
        private NDArray[] table(Rope rope) {
            float[][] halves = PositionTables.inHalves(rope, start, count);
            Shape shape = new Shape(count, 1, rope.rotaryDims());
            return new NDArray[] {owned(halves[0], shape), owned(halves[1], shape)};
        }

        /**
         * What is added to scores: -inf where a query may not attend, and ALiBi's bias; null for nothing.
         *
         * @return [query, key], or with ALiBi [1, head, query, key]
         */
        NDArray mask(Attention a) {
            NDArray mask = mask(a.reach());
            if (a.alibi() == null) return mask;
            return biases.computeIfAbsent(new Biased(a.alibi(), a.reach()), b -> keep(bias(b.alibi(), mask)));
        }

        private NDArray bias(Alibi alibi, NDArray mask) {
            int heads = alibi.slopes().size();
            NDArray keys = manager.create(AlibiBias.at(alibi, 0, end()), new Shape(1, heads, 1, end()));
            NDArray queries = manager.create(AlibiBias.at(alibi, start, count), new Shape(1, heads, count, 1));
            NDArray bias = keys.sub(queries);
            return mask == null ? bias : bias.add(mask);
        }

        /** [query, key]: 0 where a query may attend, -inf elsewhere; null when it may attend to every key. */
        private NDArray mask(Reach reach) {
            if (count == 1 && reach.first(start) == 0) return null;
            return masks.computeIfAbsent(
                    reach, r -> keep(manager.create(PositionTables.mask(r, start, count), new Shape(count, end()))));
        }

        /** Factors of queries, [pos, 1, 1]. */
        NDArray queryScale(QueryScale scale) {
            return scales.computeIfAbsent(scale, s -> owned(s.at(start, count), new Shape(count, 1, 1)));
        }

        /** A copy in libtorch's memory: a backward pass reads it after the Java array's buffer is freed. */
        private NDArray owned(float[] values, Shape shape) {
            try (NDArray here = manager.create(values, shape)) {
                return keep(here.duplicate());
            }
        }

        /** Detaches an array from the scope of the layer that made it; {@link #close} closes it. */
        NDArray keep(NDArray array) {
            NDScope.unregister(array);
            kept.add(array);
            return array;
        }

        @Override
        public void close() {
            kept.forEach(NDArray::close);
        }
    }
}
