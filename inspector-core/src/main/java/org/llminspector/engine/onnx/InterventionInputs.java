package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Taps.Step;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.spec.DecoderSpec;

/** Graph inputs of a sequence's interventions, pass by pass: masks of changed cells, and operands. */
final class InterventionInputs {

    private final DecoderSpec spec;
    private final SessionRequest request;
    private final Graph graph;
    private final Map<Step, float[]> means = new HashMap<>();

    InterventionInputs(DecoderSpec spec, SessionRequest request, Graph graph) {
        this.spec = spec;
        this.request = request;
        this.graph = graph;
    }

    void fill(Feed feed, int start, int count) {
        for (Step step : graph.steps()) {
            Intervention v = request.interventions().get(step.intervention());
            HookId hook = step.hook();
            long[] shape = hook.point().shape(spec, Math.max(0, hook.layer()), count, (long) start + count);
            Tensor source = source(step);
            mask(feed, step, v, source, shape, start);
            if (v.op() == Op.MEAN) mean(feed, step, shape);
            else if (source != null) fromSource(feed, step, source, shape, start);
            else if (v.op() != Op.ZERO && v.op() != Op.MASK) constant(feed, step, v, shape);
        }
    }

    /** Keeps the means of the first pass. */
    void take(OrtSession.Result result) {
        graph.means().forEach((step, output) -> {
            if (means.containsKey(step)) return;
            OnnxTensor tensor = (OnnxTensor) result.get(output).orElseThrow();
            float[] mean = new float[Math.toIntExact(tensor.getInfo().getNumElements())];
            tensor.getFloatBuffer().get(mean);
            means.put(step, mean);
        });
    }

    private Tensor source(Step step) {
        int i = step.intervention();
        return i < request.sources().size() ? request.sources().get(i).get(step.hook()) : null;
    }

    /** True in selected cells; with another run as the source, false beyond its positions and keys. */
    private static void mask(Feed feed, Step step, Intervention v, Tensor source, long[] shape, int start) {
        List<Axis> axes = step.hook().point().axes();
        long[] size = new long[shape.length];
        boolean[][] on = new boolean[shape.length][];
        for (int a = 0; a < shape.length; a++) {
            boolean reads = axes.get(a).reads();
            on[a] = v.picked(axes, a, (int) shape[a], start);
            boolean bounded = source != null && axes.get(a).grows();
            if (bounded) on[a] = within(on[a], (int) shape[a], source.shape()[a] - (reads ? start : 0));
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
        feed.booleans(step.mask(), mask, size);
    }

    private static boolean[] within(boolean[] on, int size, long bound) {
        if (bound >= size) return on;
        boolean[] cut = on == null ? new boolean[size] : on;
        if (on == null) Arrays.fill(cut, true);
        Arrays.fill(cut, (int) Math.max(0, bound), size, false);
        return cut;
    }

    private void mean(Feed feed, Step step, long[] shape) {
        long[] one = shape.clone();
        one[step.hook().point().axisIndex(Axis.POS)] = 1;
        float[] mean = means.get(step);
        feed.booleans(step.first(), new boolean[] {mean == null});
        feed.floats(step.operand(), mean == null ? new float[(int) Tensor.elements(one)] : mean, one);
    }

    /** An operand of one number, or one per feature. */
    private static void constant(Feed feed, Step step, Intervention v, long[] shape) {
        long[] one = new long[shape.length];
        Arrays.fill(one, 1);
        if (v.values() == null) {
            feed.floats(step.operand(), new float[] {v.value().floatValue()}, one);
            return;
        }
        one[one.length - 1] = shape[shape.length - 1];
        float[] row = new float[(int) shape[shape.length - 1]];
        for (int i = 0; i < v.values().size(); i++) {
            row[v.features() == null ? i : v.features().get(i)] =
                    v.values().get(i).floatValue();
        }
        feed.floats(step.operand(), row, one);
    }

    /** Another run's value at this pass's positions; zeros, which the mask excludes, where it has none. */
    private static void fromSource(Feed feed, Step step, Tensor source, long[] shape, int start) {
        List<Axis> axes = step.hook().point().axes();
        float[] out = new float[Math.toIntExact(Tensor.elements(shape))];
        int width = (int) shape[shape.length - 1];
        long[] from = source.shape();
        int copied = (int) Math.min(width, from[from.length - 1]);
        float[] values = source.toFloats();
        for (int row = 0; row < out.length / width; row++) {
            long at = 0;
            long stride = from[from.length - 1];
            boolean there = true;
            int rest = row;
            for (int a = shape.length - 2; a >= 0; a--) {
                boolean reads = axes.get(a).reads();
                long index = rest % shape[a] + (reads ? start : 0);
                rest /= (int) shape[a];
                there &= index < from[a];
                at += index * stride;
                stride *= from[a];
            }
            if (there) System.arraycopy(values, (int) at, out, row * width, copied);
        }
        feed.floats(step.operand(), out, shape);
    }
}
