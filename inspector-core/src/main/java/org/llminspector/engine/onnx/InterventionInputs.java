package org.llminspector.engine.onnx;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtSession;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;
import org.llminspector.base.Tensor;
import org.llminspector.capture.ChangedCells;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.Intervention.Op;
import org.llminspector.engine.Batch;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.onnx.graph.Graph;
import org.llminspector.engine.onnx.graph.Taps.Step;
import org.llminspector.engine.onnx.runtime.Feed;
import org.llminspector.engine.onnx.runtime.OpenGraph;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.DecoderSpec;

/** Graph inputs of the interventions of a sequence, pass by pass, or of a batch: masks of changed cells, and operands. */
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

    /** A sequence's pass over positions [start, start + count). */
    void fill(Feed feed, int start, int count) {
        fill(feed, start, count, 1, i -> null);
    }

    /** A batch's only pass. */
    void fill(Feed feed, Batch batch) {
        fill(feed, 0, batch.length(), batch.size(), batch::changed);
    }

    private void fill(Feed feed, int start, int count, int rows, IntFunction<BitSet> changed) {
        for (Step step : graph.steps()) {
            int i = step.intervention();
            Intervention v = request.interventions().get(i);
            HookId hook = step.hook();
            long[] shape = HookShape.of(hook.point(), spec, Math.max(0, hook.layer()), count, (long) start + count);
            shape[0] = rows;
            ChangedCells cells =
                    new ChangedCells(v, hook.point(), request.source(i, hook), shape, start, changed.apply(i));
            ChangedCells.Mask mask = cells.mask();
            feed.booleans(step.mask(), mask.flags(), mask.shape());
            if (v.op() == Op.MEAN) mean(feed, step, shape);
            else if (v.op() != Op.ZERO && v.op() != Op.MASK) {
                ChangedCells.Operand operand = cells.operand();
                feed.floats(step.operand(), operand.values(), operand.shape());
                if (v.op().along()) number(feed, step, v.value().floatValue());
            }
        }
    }

    private static void number(Feed feed, Step step, float number) {
        long[] one = new long[step.hook().point().axes().size()];
        Arrays.fill(one, 1);
        feed.floats(step.value(), new float[] {number}, one);
    }

    /** Keeps the means of the first pass. */
    void take(OrtSession.Result result) {
        graph.means().forEach((step, output) -> {
            if (means.containsKey(step)) return;
            OnnxTensor tensor = OpenGraph.output(result, output);
            float[] mean = new float[Math.toIntExact(tensor.getInfo().getNumElements())];
            tensor.getFloatBuffer().get(mean);
            means.put(step, mean);
        });
    }

    private void mean(Feed feed, Step step, long[] shape) {
        long[] one = shape.clone();
        one[step.hook().point().axisIndex(Axis.POS)] = 1;
        float[] mean = means.get(step);
        feed.booleans(step.first(), new boolean[] {mean == null});
        feed.floats(step.operand(), mean == null ? new float[(int) Tensor.elements(one)] : mean, one);
    }
}
