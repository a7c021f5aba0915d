package org.llminspector.engine.onnx;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.llminspector.hook.HookId;

/**
 * Graph is a written model and what its inputs and outputs are.
 *
 * @param model protobuf, without the weights' bytes
 * @param weights names of the weights that the session must be given
 * @param inputs names of the inputs
 * @param logits the output with the logits
 * @param hooks the outputs that captured hooks became
 * @param means the outputs with the means that interventions took of the first pass
 * @param steps the changes, each with inputs of its own
 * @param cache the outputs with keys and values, by {@code new_key.i} and {@code new_value.i}
 * @param packed whether the session must pack its matrices: MatMulNBits has its kernels only then
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Graph(
        byte[] model,
        Set<String> weights,
        Set<String> inputs,
        String logits,
        Map<HookId, String> hooks,
        Map<Taps.Step, String> means,
        List<Taps.Step> steps,
        Map<String, String> cache,
        boolean packed) {

    /** A graph without hooks, changes or a cache. */
    static Graph of(GraphBuilder graph, String logits) {
        return of(graph, logits, Taps.NONE);
    }

    static Graph of(GraphBuilder graph, String logits, Taps taps) {
        return new Graph(
                graph.model(),
                graph.weights(),
                graph.inputs(),
                logits,
                taps.outputs(),
                taps.means(),
                taps.steps(),
                graph.kept(),
                graph.uses("MatMulNBits"));
    }
}
