package org.llminspector.engine.onnx.graph;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.engine.onnx.KvCache;
import org.llminspector.hook.HookId;

/**
 * An ONNX model and the names of its inputs and outputs.
 *
 * @param model the protobuf, without the weights' bytes
 * @param weights names of the weights to pass to the session
 * @param inputs inputs and their types
 * @param logits the logits' output
 * @param hooks the captured hooks' outputs
 * @param means outputs with the first pass's means, for interventions
 * @param steps the interventions' steps, each with its own inputs
 * @param cache outputs of keys and values, by {@code new_key.i} and {@code new_value.i}
 * @param inPlace whether cache inputs and outputs share their memory ({@link KvCache})
 * @param operators the nodes' operators
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Graph(
        byte[] model,
        Set<String> weights,
        Map<String, Type> inputs,
        String logits,
        Map<HookId, String> hooks,
        Map<Taps.Step, String> means,
        List<Taps.Step> steps,
        Map<String, String> cache,
        boolean inPlace,
        Set<String> operators) {

    /** A graph without hooks, interventions or a cache. */
    public static Graph of(GraphBuilder graph, String logits) {
        return of(graph, logits, Taps.NONE, false);
    }

    public static Graph of(GraphBuilder graph, String logits, Taps taps, boolean inPlace) {
        return new Graph(
                graph.model(),
                graph.weights,
                graph.inputs,
                logits,
                taps.outputs,
                taps.means,
                taps.steps(),
                graph.kept,
                inPlace,
                graph.operators);
    }

    /** Whether the session must prepack its matrices: MatMulNBits uses its fast kernels only then. */
    public boolean packed() {
        return operators.contains("MatMulNBits");
    }
}
