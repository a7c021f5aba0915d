package org.llminspector.run.learn;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.util.List;
import java.util.Map;
import org.llminspector.base.Tensor;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.Gradients.ParameterGradient;
import org.llminspector.tokenize.Token;

/**
 * Value of a scalar objective and its gradients.
 *
 * @param value the objective: the sum of weight times value over the targets
 * @param hooks in data-flow order
 * @param parameters by weight, canonical names
 * @param tensors the gradients at the hooks
 */
public record GradientsAnswer(
        String model,
        List<Token> tokens,
        double value,
        List<TargetValue> targets,
        List<HookGradient> hooks,
        List<ParameterGradient> parameters,
        @JsonIgnore Map<String, Tensor> tensors) {

    /** One target and its unweighted value. */
    public record TargetValue(int pos, Token token, Of of, double weight, double value) {}

    /**
     * The gradient at one hook.
     *
     * @param norm its L2 norm
     * @param byPosition the norm at each position, for values that have positions
     * @param values every element in row-major order, when requested
     */
    public record HookGradient(
            String hook,
            List<String> axes,
            List<Long> shape,
            double norm,
            double maxAbs,
            List<Double> byPosition,
            float[] values) {}
}
