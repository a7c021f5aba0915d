package org.llminspector.engine.onnx.layer;

import java.util.List;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.engine.onnx.graph.Attributes;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.runtime.Target;
import org.llminspector.spec.DecoderSpec;

/**
 * The operations over a batch of rows from empty caches: keys, values and states are those of the pass, [batch, ...], and
 * none is an input or an output of the graph.
 */
final class BatchOps extends NodeOps {

    private final DecoderSpec spec;

    BatchOps(GraphBuilder graph, DecoderSpec spec, Encodings encodings, PrecisionPlan plan, Target target) {
        super(graph, spec, encodings, plan, target, List.of(), KvFormats.FP32);
        this.spec = spec;
    }

    @Override
    public String positions() {
        return expanded(super.positions(), 1, 1);
    }

    /** A value of one row, the same in all: [1, ...] to [batch, ...], with these sizes after the first. */
    private String expanded(String x, long... sizes) {
        String rows = node("Shape", new Attributes().with("start", 0).with("end", 1), "ids");
        Attributes axis = new Attributes().with("axis", 0);
        return graph.node("Expand", x, graph.node("Concat", axis, rows, graph.ints(sizes)));
    }

    /** Of each head: the vector behind them is worth caching only for later passes. */
    @Override
    public boolean cachesHeads(int layer) {
        return true;
    }

    @Override
    String allKeys(int layer, String k) {
        return k;
    }

    @Override
    String allValues(int layer, String v) {
        return v;
    }

    @Override
    public String withState(int layer, String x, int past) {
        String pads = graph.ints(past, 0);
        return graph.node("Pad", new Attributes(), use(x), pads, "", graph.ints(1));
    }

    @Override
    public String state(int layer) {
        LayerState s = LayerState.of(spec, spec.layers().get(layer));
        return expanded(number(0), s.heads(), s.dHead(), s.dState());
    }

    @Override
    public void keepState(int layer, String state) {}
}
