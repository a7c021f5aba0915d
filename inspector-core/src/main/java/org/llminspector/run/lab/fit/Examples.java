package org.llminspector.run.lab.fit;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Batch;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.hook.HookId;
import org.llminspector.run.lab.side.Side;
import org.llminspector.run.lab.side.Steps;

/** Many prompts of one model, run in batches of equal length. */
final class Examples {

    /** Tokens of a batch. */
    private static final int BATCH_TOKENS = 1_024;

    private Examples() {}

    /** Indices of rows of one length, at most a batch's. */
    static List<List<Integer>> batches(List<Side> rows) {
        Map<Integer, List<Integer>> byLength = new TreeMap<>();
        for (int i = 0; i < rows.size(); i++)
            byLength.computeIfAbsent(rows.get(i).length(), n -> new ArrayList<>())
                    .add(i);
        List<List<Integer>> batches = new ArrayList<>();
        byLength.forEach((n, of) -> {
            int most = Math.max(1, BATCH_TOKENS / n);
            for (int from = 0; from < of.size(); from += most)
                batches.add(of.subList(from, Math.min(of.size(), from + most)));
        });
        return batches;
    }

    static int[][] ids(List<Side> rows, Collection<Integer> of) {
        return of.stream().map(i -> rows.get(i).ids()).toArray(int[][]::new);
    }

    /** Each row's vector at a hook and a position, [row][d_model]. */
    static Map<HookId, float[][]> values(List<Side> rows, SortedSet<HookId> hooks, int pos, Steps steps) {
        Map<HookId, float[][]> values = new HashMap<>();
        hooks.forEach(h -> values.put(h, new float[rows.size()][]));
        InspectorEngine engine = rows.get(0).engine();
        int done = 0;
        for (List<Integer> of : batches(rows)) {
            steps.at("rows", done, rows.size());
            engine.run(Batch.of(ids(rows, of), hooks), (hook, value) -> {
                int at = position(pos, (int) value.shape()[1]);
                for (int r = 0; r < of.size(); r++) values.get(hook)[of.get(r)] = vector(value, r, at);
            });
            done += of.size();
        }
        return values;
    }

    /** A position from the end, where it is negative. */
    static int position(int pos, int n) {
        int at = pos < 0 ? n + pos : pos;
        if (at >= 0 && at < n) return at;
        throw Problem.invalid("an example is too short")
                .where("positions")
                .expected("0 to " + (n - 1) + ", or from the end")
                .found(pos);
    }

    /** One row's vector at a position of [batch, pos, ...]. */
    static float[] vector(Tensor value, int row, int pos) {
        long[] shape = value.shape();
        int width = Math.toIntExact(value.size() / shape[0] / shape[1]);
        float[] out = new float[width];
        value.toFloats((row * shape[1] + pos) * width, out, width);
        return out;
    }
}
