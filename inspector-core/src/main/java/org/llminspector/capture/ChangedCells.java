package org.llminspector.capture;

import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookPoint;

/**
 * One intervention at one hooked value in one pass, as plain arrays that broadcast to the value: which cells it changes,
 * and its operand.
 */
public final class ChangedCells {

    private final Intervention intervention;
    private final List<Axis> axes;
    private final Tensor source;
    private final long[] shape;
    private final int start;
    private final BitSet rows; // null for all

    /** One sequence, or all rows of a batch. */
    public ChangedCells(Intervention intervention, HookPoint point, Tensor source, long[] shape, int start) {
        this(intervention, point, source, shape, start, null);
    }

    /**
     * @param source for {@code from} and {@code freeze}: the value of another run, else null
     * @param shape of the hooked value
     * @param start position of the pass in the sequence
     * @param rows of the batch that it changes, or null for all
     */
    public ChangedCells(
            Intervention intervention, HookPoint point, Tensor source, long[] shape, int start, BitSet rows) {
        this.intervention = intervention;
        this.axes = point.axes();
        this.source = source;
        this.shape = shape;
        this.start = start;
        this.rows = rows;
    }

    /** Flags and their shape, 1 along an axis that is picked whole. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Mask(boolean[] flags, long... shape) {}

    /** Numbers and their shape. */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    public record Operand(float[] values, long... shape) {}

    /** True in picked cells; with another run as the source, false beyond its positions and keys. */
    public Mask mask() {
        long[] size = new long[shape.length];
        boolean[][] on = new boolean[shape.length][];
        for (int a = 0; a < shape.length; a++) {
            on[a] = axes.get(a) == Axis.BATCH
                    ? rows((int) shape[a])
                    : intervention.picked(axes, a, (int) shape[a], start);
            if (source != null && axes.get(a).grows())
                on[a] = within(on[a], (int) shape[a], source.shape()[a] - from(a));
            if (on[a] == null) on[a] = new boolean[] {true};
            size[a] = on[a].length;
        }
        boolean[] mask = new boolean[Math.toIntExact(Tensor.elements(size))];
        for (int i = 0; i < mask.length; i++) {
            boolean all = true;
            int rest = i;
            for (int a = shape.length - 1; a >= 0; a--) {
                all &= on[a][rest % (int) size[a]];
                rest /= (int) size[a];
            }
            mask[i] = all;
        }
        return new Mask(mask, size);
    }

    private boolean[] rows(int size) {
        if (rows == null) return null;
        boolean[] on = new boolean[size];
        for (int r = 0; r < size; r++) on[r] = rows.get(r);
        return on;
    }

    /** The position at which the pass begins, along an axis of positions. */
    private int from(int axis) {
        return axes.get(axis).reads() ? start : 0;
    }

    private static boolean[] within(boolean[] on, int size, long bound) {
        if (bound >= size) return on;
        boolean[] cut = on == null ? new boolean[size] : on;
        if (on == null) Arrays.fill(cut, true);
        Arrays.fill(cut, (int) Math.max(0, bound), size, false);
        return cut;
    }

    /** The source's cells, one number, or one per feature; a direction has norm 1 and is 0 at features not picked. */
    public Operand operand() {
        if (source != null) return new Operand(fromSource(), shape);
        long[] one = new long[shape.length];
        Arrays.fill(one, 1);
        List<Double> values = intervention.values();
        if (values == null) return new Operand(new float[] {intervention.value().floatValue()}, one);
        one[one.length - 1] = shape[shape.length - 1];
        float[] row = new float[(int) shape[shape.length - 1]];
        List<Integer> features = intervention.features();
        double norm = intervention.op().along() ? norm(values) : 1;
        for (int i = 0; i < values.size(); i++) {
            row[features == null ? i : features.get(i)] = (float) (values.get(i) / norm);
        }
        return new Operand(row, one);
    }

    /** Euclidean norm; dividing by the largest magnitude first keeps the squares of tiny numbers from vanishing. */
    private static double norm(List<Double> values) {
        double largest = values.stream().mapToDouble(v -> Math.abs(v)).max().orElse(0);
        double sum = 0;
        for (double v : values) sum += (v / largest) * (v / largest);
        return largest * Math.sqrt(sum);
    }

    /** Another run's value at this pass's positions, the same for all rows if it has one; zeros, which the mask excludes, where it has none. */
    private float[] fromSource() {
        float[] out = new float[Math.toIntExact(Tensor.elements(shape))];
        int width = (int) shape[shape.length - 1];
        long[] from = source.shape();
        float[] row = new float[(int) Math.min(width, from[from.length - 1])];
        for (int r = 0; r < out.length / width; r++) {
            long at = 0;
            long stride = from[from.length - 1];
            boolean there = true;
            int rest = r;
            for (int a = shape.length - 2; a >= 0; a--) {
                long index = axes.get(a) == Axis.BATCH && from[a] == 1 ? 0 : rest % shape[a] + from(a);
                rest /= (int) shape[a];
                there &= index < from[a];
                at += index * stride;
                stride *= from[a];
            }
            if (!there) continue;
            source.toFloats(at, row, row.length);
            System.arraycopy(row, 0, out, r * width, row.length);
        }
        return out;
    }
}
