package org.llminspector.engine.exported;

import static org.llminspector.engine.exported.Dataflow.at;

import java.util.List;
import org.llminspector.checkpoint.onnx.OnnxFile.Node;

/**
 * A norm in an exported graph: one operator, or mean, root, division and weight as separate nodes.
 *
 * @param centred whether it subtracts the mean
 * @param scale the divisor; null inside one operator
 * @param normalized value after the division; null inside one operator
 */
record ExportedNorm(boolean centred, Place scale, Place normalized) {

    /** The norm with this output, or null. */
    static ExportedNorm of(Dataflow flow, String value) {
        Node n = flow.maker(flow.unshaped(value));
        if (n == null) return null;
        switch (n.op()) {
            case "LayerNormalization" -> {
                return fused(true, at(n.outputs(), 2));
            }
            case "SimplifiedLayerNormalization" -> {
                return fused(false, at(n.outputs(), 1));
            }
            // These have the inverse scale as an optional output, which CPU kernels do not compute.
            case "RMSNormalization", "SkipLayerNormalization", "SkipSimplifiedLayerNormalization" -> {
                return fused(n.op().equals("SkipLayerNormalization"), "");
            }
            default -> {}
        }
        String v = at(n.outputs(), 0);
        if (n.op().equals("Add")) v = flow.onlyLiveInput(n); // the bias
        Node weight = v == null ? null : flow.maker(flow.uncast(v));
        if (weight != null && weight.op().equals("Mul") && flow.onlyLiveInput(weight) != null)
            v = flow.onlyLiveInput(weight);
        return v == null ? null : divided(flow, flow.uncast(v));
    }

    private static ExportedNorm fused(boolean centred, String inverse) {
        return new ExportedNorm(centred, inverse.isEmpty() ? null : new Place(inverse, Place.Read.INVERSE), null);
    }

    private static ExportedNorm divided(Dataflow flow, String normalized) {
        Node n = flow.maker(normalized);
        List<String> parts = flow.bothLiveInputs(n);
        if (parts == null) return null;
        if (n.op().equals("Div")) return root(flow, at(n.inputs(), 0), at(n.inputs(), 1), normalized);
        if (!n.op().equals("Mul")) return null;
        for (String part : parts) {
            Node m = flow.maker(flow.uncast(part));
            String under = m == null ? null : flow.onlyLiveInput(m);
            if (under == null) continue;
            boolean inverts = m.op().equals("Reciprocal") || (m.op().equals("Div") && under.equals(at(m.inputs(), 1)));
            String divided = parts.get(1 - parts.indexOf(part));
            ExportedNorm found = inverts ? root(flow, divided, under, normalized) : null;
            if (found != null) return found;
            if (m.op().equals("Pow") && isMean(flow, under)) {
                Place inverse = new Place(part, Place.Read.INVERSE);
                return new ExportedNorm(isCentred(flow, divided), inverse, Place.asIs(normalized));
            }
        }
        return null;
    }

    private static ExportedNorm root(Dataflow flow, String divided, String size, String normalized) {
        Node sqrt = flow.maker(flow.uncast(size));
        if (sqrt == null || !sqrt.op().equals("Sqrt") || !isMean(flow, at(sqrt.inputs(), 0))) return null;
        return new ExportedNorm(isCentred(flow, divided), Place.asIs(size), Place.asIs(normalized));
    }

    private static boolean isCentred(Dataflow flow, String divided) {
        Node n = flow.maker(flow.uncast(divided));
        return n != null && n.op().equals("Sub");
    }

    /** Whether the value is a mean plus a constant (epsilon). */
    private static boolean isMean(Dataflow flow, String value) {
        Node add = flow.maker(flow.uncast(value));
        String mean = add != null && add.op().equals("Add") ? flow.onlyLiveInput(add) : null;
        Node n = mean == null ? null : flow.maker(flow.uncast(mean));
        return n != null && n.op().equals("ReduceMean");
    }
}
