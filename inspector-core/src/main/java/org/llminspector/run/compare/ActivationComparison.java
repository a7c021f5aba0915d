package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.llminspector.analysis.Outliers;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.run.store.ComparisonManifest.Activation;
import org.llminspector.run.store.ComparisonManifest.Feeds;

/** Measures outliers in the inputs of A's matrices, the values that W8A8 quantizes, layer by layer. */
final class ActivationComparison {

    /** Matrices whose inputs are compared, those of single experts aside. */
    private static final Map<MatrixInput.Feeds, Feeds> COMPARED = Map.of(
            MatrixInput.Feeds.QKV, Feeds.QKV,
            MatrixInput.Feeds.O, Feeds.O,
            MatrixInput.Feeds.CONV_IN, Feeds.CONV_IN,
            MatrixInput.Feeds.CONV_OUT, Feeds.CONV_OUT,
            MatrixInput.Feeds.SSM_IN, Feeds.SSM_IN,
            MatrixInput.Feeds.SSM_OUT, Feeds.SSM_OUT,
            MatrixInput.Feeds.MLP_IN, Feeds.MLP_IN,
            MatrixInput.Feeds.MLP_OUT, Feeds.MLP_OUT,
            MatrixInput.Feeds.UNEMBED, Feeds.UNEMBED);

    private final ComparisonSide a;
    private final CaptureBudget budget;

    ActivationComparison(ComparisonSide a, CaptureBudget budget) {
        this.a = a;
        this.budget = budget;
    }

    /**
     * Measures in data-flow order.
     *
     * @throws Problem UNSUPPORTED for an exported graph, whose values cannot be assigned to matrices; TOO_LARGE where
     *     one layer's values do not fit the budget
     */
    List<Activation> measure(int[] ids) {
        Weights weights = a.folder().weights();
        List<Activation> found = new ArrayList<>();
        List<MatrixInput> chunk = new ArrayList<>();
        long bytes = 0;
        for (int layer = 0; layer <= a.spec().nLayers(); layer++) {
            List<MatrixInput> inputs = inputs(layer);
            long more = inputs.stream()
                    .mapToLong(i -> CaptureBudget.bytes(a.spec(), List.of(i.hook()), ids.length))
                    .sum();
            if (more > budget.maxBytes()) {
                throw Problem.tooLarge("what the matrices of one layer read would not fit the budget")
                        .where("layer " + layer + " x " + ids.length + " positions")
                        .expected("at most " + ByteCount.of(budget.maxBytes()))
                        .found(ByteCount.of(more))
                        .instead("shorten the prompt, or raise --capture-budget");
            }
            if (bytes + more > budget.maxBytes()) {
                measure(ids, chunk, weights, found);
                chunk.clear();
                bytes = 0;
            }
            chunk.addAll(inputs);
            bytes += more;
        }
        measure(ids, chunk, weights, found);
        return found;
    }

    private void measure(int[] ids, List<MatrixInput> inputs, Weights weights, List<Activation> found) {
        TreeSet<HookId> hooks = new TreeSet<>();
        inputs.forEach(i -> hooks.add(i.hook()));
        try (Capture seen = a.capture(ids, hooks)) {
            for (MatrixInput i : inputs) {
                float[] x = seen.get(i.hook()).toFloats(); // [1, pos, channels], or [1, pos, head, d_head]
                int channels = x.length / ids.length;
                if (i.norm() != null) scale(x, channels, weights, i.norm());
                Feeds feeds = COMPARED.get(i.feeds());
                found.add(Activation.of(feeds == Feeds.UNEMBED ? null : i.layer(), feeds, Outliers.of(x, channels)));
            }
        }
    }

    /** Applies the norm's weight and bias, which the hook precedes. */
    private static void scale(float[] x, int channels, Weights weights, String norm) {
        if (!weights.has(norm + ".weight")) return;
        float[] w = weights.get(norm + ".weight").toFloats();
        float[] b = weights.has(norm + ".bias") ? weights.get(norm + ".bias").toFloats() : new float[channels];
        for (int i = 0; i < x.length; i++) x[i] = x[i] * w[i % channels] + b[i % channels];
    }

    /** Inputs of a layer's matrices; for the index after the last layer, the unembedding's. */
    private List<MatrixInput> inputs(int layer) {
        return MatrixInput.of(a.spec(), layer).stream()
                .filter(i -> COMPARED.containsKey(i.feeds()))
                .toList();
    }
}
