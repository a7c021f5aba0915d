package org.llminspector.engine.exported;

import static org.llminspector.engine.exported.Dataflow.at;

import java.util.List;
import java.util.Set;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;

/**
 * A layer's MLP in an exported graph, found backwards from what it adds to the stream to the product that reads the
 * norm.
 *
 * @param pre neurons before the activation function; this and all below are null where not found
 * @param linear the linear branch of a gated MLP, or null
 * @param post neurons as the output projection reads them
 * @param normed input of the first projection
 */
record ExportedMlp(String pre, String linear, String post, String normed) {

    /** Activations with a bias inside: their input is not yet the pre-activation. */
    private static final Set<String> WITH_BIAS = Set.of("BiasGelu", "FastGelu");

    static final ExportedMlp NONE = new ExportedMlp(null, null, null, null);

    /** @param added what the MLP adds, made after {@code since} */
    static ExportedMlp of(Dataflow flow, String added, int since) {
        String last = linear(flow, added, since);
        if (last == null) return NONE;
        String post = flow.input(flow.product(last));
        Node n = flow.maker(flow.uncast(post));
        List<String> both = n != null && n.op().equals("Mul") ? flow.bothLiveInputs(n) : null;
        if (both != null) {
            for (int k = 0; k < 2; k++) {
                if (flow.product(both.get(k)) == null) continue;
                String other = linear(flow, both.get(1 - k), since);
                // x * sigmoid(x) is one branch, not a gate.
                boolean gate = other != null && !flow.uncast(other).equals(flow.uncast(both.get(k)));
                if (gate && flow.product(both.get(1 - k)) == null) {
                    return new ExportedMlp(other, both.get(k), post, input(flow, other));
                }
            }
        }
        String pre = linear(flow, post, since);
        return pre == null
                ? new ExportedMlp(null, null, post, null)
                : new ExportedMlp(pre, null, post, input(flow, pre));
    }

    /** Number of neurons of the MLP with this output; -1 where the graph does not have it. */
    static int width(Dataflow flow, String added) {
        String last = linear(flow, added, -1);
        return last == null ? -1 : flow.width(flow.product(last));
    }

    private static String input(Dataflow flow, String linear) {
        return flow.input(flow.product(linear));
    }

    /** The nearest product, including its bias, that the whole value depends on. */
    private static String linear(Dataflow flow, String value, int since) {
        for (String v = value; v != null && flow.order(v) > since; v = flow.source(v)) {
            if (flow.product(v) != null) return v;
            Node n = flow.maker(v);
            if (WITH_BIAS.contains(n.op()) && !at(n.inputs(), 1).isEmpty()) return null;
        }
        return null;
    }
}
