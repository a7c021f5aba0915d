package org.llminspector.engine;

import java.util.List;
import java.util.SortedMap;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;

/**
 * Gradients are the answer to a {@link GradientRequest}.
 *
 * @param value the number itself
 * @param targets each target's own value, unweighted
 * @param hooks by hook: how the number grows with each element of the value there
 * @param parameters by weight, canonical names; empty when they were not asked for
 */
public record Gradients(
        double value, List<Double> targets, SortedMap<HookId, Tensor> hooks, List<ParameterGradient> parameters) {

    /**
     * ParameterGradient is one weight's gradient in few numbers.
     *
     * @param norm L2 norm of the gradient
     * @param maxAbs its largest element
     * @param weightNorm L2 norm of the weight itself
     */
    public record ParameterGradient(String name, List<Long> shape, double norm, double maxAbs, double weightNorm) {
        public ParameterGradient {
            shape = List.copyOf(shape);
        }
    }
}
