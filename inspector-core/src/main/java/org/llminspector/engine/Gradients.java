package org.llminspector.engine;

import java.util.List;
import java.util.SortedMap;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;

/**
 * Result of a {@link GradientRequest}.
 *
 * @param value the differentiated number
 * @param targets each target's own value, unweighted
 * @param hooks the gradient by the activation at each hook, in its shape
 * @param parameters one per weight, under canonical names; empty unless requested
 * @param values of the hooks whose values were requested
 */
public record Gradients(
        double value,
        List<Double> targets,
        SortedMap<HookId, Tensor> hooks,
        List<ParameterGradient> parameters,
        SortedMap<HookId, Tensor> values) {

    /**
     * Summary of one weight's gradient.
     *
     * @param norm L2 norm of the gradient
     * @param maxAbs largest magnitude of its elements
     * @param weightNorm L2 norm of the weight itself
     */
    public record ParameterGradient(String name, List<Long> shape, double norm, double maxAbs, double weightNorm) {
        public ParameterGradient {
            shape = List.copyOf(shape);
        }
    }
}
