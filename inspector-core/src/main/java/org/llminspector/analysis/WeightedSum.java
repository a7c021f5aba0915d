package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * WeightedSum is how one neuron's sum before its non-linearity came about, told twice: by the features of the vector that it
 * reads, and by the parts of the residual stream that this vector was made of.
 *
 * @param z the sum
 * @param bias of the neuron
 * @param inputs the largest contributions by feature, the largest first
 * @param others what all other features contribute together
 * @param sources what each earlier part wrote contributes, in the order of the data, with the norm's scale held fast
 * @param constant what is there whatever the parts are: the norm's bias, and the neuron's
 */
public record WeightedSum(
        double z, double bias, List<Input> inputs, double others, List<Source> sources, double constant) {

    /**
     * Input is one feature.
     *
     * @param value what the neuron reads there, after the norm
     * @param contribution value times weight
     */
    public record Input(int feature, double value, double weight, double contribution) {}

    /** Source is one part of the residual stream, by the hook that shows it. */
    public record Source(String hook, double contribution) {}

    /**
     * @param read the vector that the neuron reads, after the norm, [d_model]
     * @param weight the neuron's row, [d_model]
     * @param norm between the residual stream and the neuron
     * @param parts what the residual stream is the sum of, by hook, [d_model] each, in order
     * @param top how many features to list
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
