package org.llminspector.web.mcp;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.run.store.RunStore;

/**
 * What is said of a tensor instead of its values.
 *
 * @param firstPosition of the part that was asked for
 * @param norms L2 by position
 * @param values the first in row-major order
 * @param omitted what is left out, in words; null for nothing
 */
record TensorSummary(
        String run,
        String hook,
        List<String> axes,
        List<Long> shape,
        int firstPosition,
        Double min,
        Double max,
        Double mean,
        List<Double> norms,
        List<Double> values,
        String omitted) {

    private static final int MOST_VALUES = 64;
    private static final int MOST_NORMS = 64;

    /** @param heads null for all */
    static TensorSummary of(String run, HookId hook, RunStore.Captured kept, Slice positions, Slice heads) {
        long[] whole = kept.tensor().shape();
        int[][] ranges = new int[whole.length][];
        for (int a = 0; a < whole.length; a++) ranges[a] = Slice.ALL.on(whole[a], hook.name());
        int axis = hook.point().positionAxis();
        int[] wanted = positions.on(kept.positions(), "positions");
        ranges[axis] = new int[] {wanted[0] - kept.start(), wanted[1] - kept.start()};
        if (heads != null) {
            int of = hook.point().axes().indexOf(Axis.HEAD);
            if (of < 0)
                throw Problem.invalid("the hook has no heads").where("heads").found(hook);
            ranges[of] = heads.on(whole[of], "heads");
        }
        return of(run, hook, kept.tensor().slice(ranges), axis, wanted[0]);
    }

    private static TensorSummary of(String run, HookId hook, Tensor part, int axis, int first) {
        long[] shape = part.shape();
        long inner = 1;
        for (int a = axis + 1; a < shape.length; a++) inner *= shape[a];
        double[] squares = new double[Math.toIntExact(shape[axis])];
        double min = Double.POSITIVE_INFINITY;
        double max = Double.NEGATIVE_INFINITY;
        double sum = 0;
        List<Double> values = new ArrayList<>();
        for (long i = 0; i < part.size(); i++) {
            double v = part.get(i);
            min = Math.min(min, v);
            max = Math.max(max, v);
            sum += v;
            squares[(int) (i / inner % squares.length)] += v * v;
            if (i < MOST_VALUES) values.add(Numbers.rounded(v));
        }
        List<Double> norms = new ArrayList<>();
        for (int p = 0; p < Math.min(squares.length, MOST_NORMS); p++)
            norms.add(Numbers.rounded(Math.sqrt(squares[p])));
        long more = part.size() - values.size();
        return new TensorSummary(
                run,
                hook.name(),
                hook.point().axes().stream().map(Axis::label).toList(),
                LongStream.of(shape).boxed().toList(),
                first,
                Numbers.rounded(min),
                Numbers.rounded(max),
                Numbers.rounded(sum / part.size()),
                norms,
                values,
                more > 0 ? more + " more values; ask for positions or heads" : null);
    }
}
