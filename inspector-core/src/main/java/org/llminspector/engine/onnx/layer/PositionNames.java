package org.llminspector.engine.onnx.layer;

import java.util.List;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.QueryScale;
import org.llminspector.spec.Reach;
import org.llminspector.spec.Rope;

/** Names of the graph inputs that depend on positions: those of each distinct RoPE, ALiBi, reach and scale of queries of a model. */
public record PositionNames(List<Rope> ropes, List<Alibi> alibis) {

    public PositionNames(DecoderSpec spec) {
        this(spec.ropes(), spec.alibis());
    }

    /** Of this pass's positions, [pos, 1, dims]. */
    public String cos(Rope rope) {
        return "cos." + ropes.indexOf(rope);
    }

    public String sin(Rope rope) {
        return "sin." + ropes.indexOf(rope);
    }

    /** Of all positions, [position, dims / 2]. */
    public String cosTable(Rope rope) {
        return "cos_table." + ropes.indexOf(rope);
    }

    public String sinTable(Rope rope) {
        return "sin_table." + ropes.indexOf(rope);
    }

    /** The bias' values at keys, [1, head, 1, key]. */
    public String alibiKeys(Alibi alibi) {
        return "alibi_keys." + alibis.indexOf(alibi);
    }

    /** At queries, [1, head, query, 1]. */
    public String alibiQueries(Alibi alibi) {
        return "alibi_queries." + alibis.indexOf(alibi);
    }

    /** [query, key]: 0 where a query may attend, -inf elsewhere. */
    public String mask(Reach reach) {
        String window = reach.window() == null ? "mask" : "mask." + reach.window();
        return reach.chunk() == null ? window : window + ".chunk" + reach.chunk();
    }

    /** Factors of queries, [pos, 1, 1]. */
    public String queryScale(QueryScale scale) {
        return "query_scale." + scale.beta() + "." + scale.every() + "." + scale.first();
    }
}
