package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.llminspector.analysis.reduce.Reducer;
import org.llminspector.analysis.reduce.ReducerKind;
import org.llminspector.analysis.reduce.Reducers;
import org.llminspector.analysis.reduce.SweptModel;
import org.llminspector.analysis.reduce.WindowBatch;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;

/** Every kind of reducer reads its own hooks of every family, or says that the model has none. */
class ReducedFamiliesTest {

    private static final int POSITIONS = 5;

    @Test
    void everyFamilyIsReduced() {
        Map<ReducerKind, Integer> reduced = new EnumMap<>(ReducerKind.class);
        List<Path> dirs = new ArrayList<>(Golden.in(Golden.FAMILIES));
        dirs.addAll(Golden.all());
        for (Path dir : dirs) {
            try (Golden g = new Golden(dir)) {
                for (ReducerKind kind : ReducerKind.values()) {
                    if (reduce(g, kind)) reduced.merge(kind, 1, Integer::sum);
                }
            }
        }
        assertThat(reduced.keySet()).containsExactly(ReducerKind.values());
        assertThat(reduced.get(ReducerKind.LOSS)).isEqualTo(dirs.size());
        assertThat(reduced.get(ReducerKind.IMATRIX)).isEqualTo(dirs.size());
        assertThat(reduced.get(ReducerKind.ROUTER)).isBetween(20, dirs.size() / 2);
    }

    private static boolean reduce(Golden g, ReducerKind kind) {
        SweptModel model = new SweptModel(g.weights.spec(), g.weights, g.engine::unembed);
        String name = kind == ReducerKind.COVARIANCE ? "covariance:blocks.*.hook_resid_post" : kind.label();
        List<Reducer> reducers;
        try {
            reducers = Reducers.of(List.of(name), model, List.of());
        } catch (Problem p) {
            assertThat(p.kind()).as(g + " " + kind).isIn(Problem.Kind.UNSUPPORTED, Problem.Kind.INVALID);
            return false;
        }
        Reducer reducer = reducers.get(0);
        assertThat(HookPatterns.all(g.weights.spec())).as(g + " " + kind).containsAll(reducer.hooks());
        int[] ids = Arrays.copyOf(g.ids("input_ids"), POSITIONS);
        WindowBatch batch = new WindowBatch(new int[][] {ids}, new int[] {1}, new long[] {3}, new long[1]);
        try (Capture seen = g.capture(ids, reducer.hooks())) {
            for (HookId hook : reducer.hooks()) reducer.add(batch, hook, seen.get(hook));
        }
        reducer.end(batch);
        Map<String, Tensor> state = reducer.state();
        assertThat(state).as(g + " " + kind).isNotEmpty();
        assertThat(state.keySet()).allMatch(n -> n.startsWith(kind.label() + "/"));
        assertThat(state.values().stream().mapToLong(Tensor::byteSize).sum())
                .as(g + " " + kind)
                .isBetween(1L, reducer.bytes(1, POSITIONS));
        Reducer merged = Reducers.of(List.of(name), SweptModel.of(g.weights.spec()), List.of())
                .get(0);
        merged.merge(state::get);
        merged.state().forEach((n, t) -> assertThat(t.toString())
                .as(g + " " + n)
                .isEqualTo(state.get(n).toString()));
        assertThat(merged.state().keySet()).isEqualTo(state.keySet());
        return true;
    }
}
