package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import org.llminspector.analysis.Outliers;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.store.ComparisonManifest.Activation;
import org.llminspector.run.store.ComparisonManifest.Feeds;
import org.llminspector.spec.LayerSpec;

/** Measures outliers in the inputs of A's matrices, the values that W8A8 quantizes, layer by layer. */
final class ActivationComparison {

    /**
     * Input shared by some matrices.
     *
     * @param norm whose weight and bias are still to be applied to the hook's value, or null
     */
    private record Input(int layer, Feeds feeds, HookId hook, String norm) {}

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
        List<Input> chunk = new ArrayList<>();
        long bytes = 0;
        for (int layer = 0; layer <= a.spec().nLayers(); layer++) {
            List<Input> inputs = inputs(layer);
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

    private void measure(int[] ids, List<Input> inputs, Weights weights, List<Activation> found) {
        TreeSet<HookId> hooks = new TreeSet<>();
        inputs.forEach(i -> hooks.add(i.hook()));
        try (Capture seen = a.capture(ids, hooks)) {
            for (Input i : inputs) {
                float[] x = seen.get(i.hook()).toFloats(); // [1, pos, channels], or [1, pos, head, d_head]
                int channels = x.length / ids.length;
                if (i.norm() != null) scale(x, channels, weights, i.norm());
                found.add(Activation.of(
                        i.feeds() == Feeds.UNEMBED ? null : i.layer(), i.feeds(), Outliers.of(x, channels)));
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
    private List<Input> inputs(int layer) {
        if (layer == a.spec().nLayers()) {
            return List.of(new Input(layer, Feeds.UNEMBED, HookId.of(HookPoint.LN_FINAL_OUT), null));
        }
        LayerSpec block = a.spec().layers().get(layer);
        HookId pre = HookId.of(HookPoint.RESID_PRE, layer);
        HookId mid = block.parallel() ? pre : HookId.of(HookPoint.RESID_MID, layer);
        if (block.mixer() == null || !block.feedsForward()) return half(layer, block);
        Feeds first = block.attends() ? Feeds.QKV : block.convolves() ? Feeds.CONV_IN : Feeds.SSM_IN;
        Input mixing = block.ln1() == null
                ? new Input(layer, first, pre, null)
                : new Input(layer, first, HookId.of(HookPoint.LN1_NORMALIZED, layer), name(layer, "ln1"));
        Input in = block.ln2() == null
                ? new Input(layer, Feeds.MLP_IN, mid, null)
                : new Input(layer, Feeds.MLP_IN, HookId.of(HookPoint.LN2_NORMALIZED, layer), name(layer, "ln2"));
        Input o = block.attends()
                ? new Input(layer, Feeds.O, HookId.of(HookPoint.Z, layer), null)
                : block.convolves()
                        ? new Input(layer, Feeds.CONV_OUT, HookId.of(HookPoint.CONV_POST, layer), null)
                        : new Input(layer, Feeds.SSM_OUT, HookId.of(HookPoint.SSM_POST, layer), null);
        // Each expert's output projection reads its own neurons, so there is no common input.
        if (block.mlp().experts() != null) return List.of(mixing, o, in);
        return List.of(mixing, o, in, new Input(layer, Feeds.MLP_OUT, HookId.of(HookPoint.MLP_POST, layer), null));
    }

    /** Of a layer with a mixer or an MLP alone. */
    private static List<Input> half(int layer, LayerSpec block) {
        HookId pre = HookId.of(HookPoint.RESID_PRE, layer);
        boolean mlp = block.mixer() == null;
        Feeds first = mlp ? Feeds.MLP_IN : block.attends() ? Feeds.QKV : Feeds.SSM_IN;
        boolean normed = mlp ? block.ln2() != null : block.ln1() != null;
        HookPoint norm = mlp ? HookPoint.LN2_NORMALIZED : HookPoint.LN1_NORMALIZED;
        Input in = normed
                ? new Input(layer, first, HookId.of(norm, layer), name(layer, mlp ? "ln2" : "ln1"))
                : new Input(layer, first, pre, null);
        if (mlp && block.mlp().experts() != null) return List.of(in);
        HookPoint read = mlp ? HookPoint.MLP_POST : block.attends() ? HookPoint.Z : HookPoint.SSM_POST;
        Feeds last = mlp ? Feeds.MLP_OUT : block.attends() ? Feeds.O : Feeds.SSM_OUT;
        return List.of(in, new Input(layer, last, HookId.of(read, layer), null));
    }

    private static String name(int layer, String norm) {
        return "blocks." + layer + "." + norm;
    }
}
