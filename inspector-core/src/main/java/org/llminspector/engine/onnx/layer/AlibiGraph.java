package org.llminspector.engine.onnx.layer;

import java.util.List;
import java.util.Objects;
import org.llminspector.engine.onnx.graph.GraphBuilder;
import org.llminspector.engine.onnx.graph.Type;
import org.llminspector.spec.Alibi;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;

/** Writes ALiBi's biases of scores; their values at keys and at queries are graph inputs. */
public final class AlibiGraph {

    private final GraphBuilder graph;
    private final List<Alibi> alibis;
    private final String[] written;

    AlibiGraph(GraphBuilder graph, DecoderSpec spec) {
        this.graph = graph;
        this.alibis = of(spec);
        this.written = new String[alibis.size()];
    }

    /** The distinct ALiBi settings of a model; the inputs are named by their index. */
    public static List<Alibi> of(DecoderSpec spec) {
        return spec.attentions()
                .map(Attention::alibi)
                .filter(Objects::nonNull)
                .distinct()
                .toList();
    }

    /** [1, head, query, key], shared by all layers. */
    String write(Alibi alibi) {
        int i = alibis.indexOf(alibi);
        int heads = alibi.slopes().size();
        if (written[i] == null) {
            String keys = graph.input("alibi_keys." + i, Type.FLOAT, 1, heads, 1, -1);
            String queries = graph.input("alibi_queries." + i, Type.FLOAT, 1, heads, -1, 1);
            written[i] = graph.node("Sub", keys, queries);
        }
        return written[i];
    }
}
