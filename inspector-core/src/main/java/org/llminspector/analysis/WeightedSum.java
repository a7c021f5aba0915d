package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * Decomposition of one neuron's pre-activation in two ways: by features of its input vector, and by the parts of the
 * residual stream that sum to it.
 *
 * @param z the pre-activation
 * @param bias of the neuron
 * @param inputs the largest contributions by feature, in descending order
 * @param others contribution of all other features
 * @param sources contribution of each earlier part's output, in data-flow order, with the norm's divisor frozen
 * @param constant contribution of the norm's bias and the neuron's
 */
public record WeightedSum(
        double z, double bias, List<Input> inputs, double others, List<Source> sources, double constant) {

    /**
     * One input feature.
     *
     * @param value the feature's value after the norm
     * @param contribution value times weight
     */
    public record Input(int feature, double value, double weight, double contribution) {}

    /** One part of the residual stream, by its hook. */
    public record Source(String hook, double contribution) {}

    /**
     * @param read the neuron's input vector, after the norm, [d_model]
     * @param weight the neuron's row, [d_model]
     * @param norm between the residual stream and the neuron
     * @param parts parts that sum to the residual stream, by hook, [d_model] each, in order
     * @param top number of features to list
     */
    public static WeightedSum of(
            float[] read, float[] weight, double bias, FrozenNorm norm, Map<String, float[]> parts, int top) {
        List<Input> all = new ArrayList<>();
        double sum = bias;
        for (int i = 0; i < read.length; i++) {
            double contribution = (double) read[i] * weight[i];
            sum += contribution;
            all.add(new Input(i, read[i], weight[i], contribution));
        }
        all.sort(Comparator.comparingDouble((Input i) -> -Math.abs(i.contribution()))
                .thenComparingInt(Input::feature));
        List<Input> first = List.copyOf(all.subList(0, Math.min(top, all.size())));
        double listed = first.stream().mapToDouble(Input::contribution).sum();
        List<Source> sources = new ArrayList<>();
        parts.forEach((hook, part) -> sources.add(new Source(hook, norm.dot(weight, part))));
        return new WeightedSum(sum, bias, first, sum - bias - listed, sources, norm.constant(weight) + bias);
    }
}
