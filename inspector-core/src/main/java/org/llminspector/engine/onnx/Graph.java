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
 * @param inputs the inputs and their number formats
 * @param logits the output with the logits
 * @param hooks the outputs that captured hooks became
 * @param means the outputs with the means that interventions took of the first pass
 * @param steps the changes, each with inputs of its own
 * @param cache the outputs with keys and values, by {@code new_key.i} and {@code new_value.i}
 * @param inPlace whether the cache that comes in is what goes out, by {@link KvCache}
 * @param operators the operators of its nodes
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record Graph(
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

    /** A graph without hooks, changes or a cache. */
    static Graph of(GraphBuilder graph, String logits) {
        return of(graph, logits, Taps.NONE, false);
    }

    static Graph of(GraphBuilder graph, String logits, Taps taps, boolean inPlace) {
        return new Graph(
                graph.model(),
                graph.weights(),
                graph.inputs(),
                logits,
                taps.outputs(),
                taps.means(),
                taps.steps(),
                graph.kept(),
                inPlace,
                graph.operators());
    }

    /** Whether the session must pack its matrices: MatMulNBits has its kernels only then. */
    boolean packed() {
        return operators.contains("MatMulNBits");
    }
}
