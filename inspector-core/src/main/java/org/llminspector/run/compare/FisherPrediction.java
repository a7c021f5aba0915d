package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.llminspector.analysis.output.OutputFisher;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.Gradients;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/**
 * Predicts the KL divergence that each matrix in B's precision causes in A's distributions, without a run per matrix:
 * one pass of B with A's values patched in before every matrix and one backward pass of A, combined by {@link
 * OutputFisher}.
 */
final class FisherPrediction {

    /** A matrix: its module's input hook (null for token ids) and the hook of its output. */
    private record Matrix(String name, HookId input, HookId output) {}

    private final ComparisonSide a;
    private final ComparisonSide b;
    private final ComparisonSide gradients;
    private final CaptureBudget budget;
    private final Set<String> wanted;
    private final List<PreparedSensitivity.Pass> passes;

    /** @param gradients A's model in float32 on the engine with gradients */
    FisherPrediction(
            ComparisonSide a,
            ComparisonSide b,
            ComparisonSide gradients,
            CaptureBudget budget,
            List<ModuleGroup> groups,
            List<PreparedSensitivity.Pass> passes) {
        this.a = a;
        this.b = b;
        this.gradients = gradients;
        this.budget = budget;
        this.wanted = new HashSet<>();
        groups.forEach(g -> wanted.addAll(g.matrices()));
        this.passes = passes;
    }

    /**
     * Predicted KL(A || A with this matrix of B) for each matrix: mean over the scored positions, nats.
     *
     * @throws Problem TOO_LARGE where the values of one layer do not fit the budget; UNSUPPORTED for a mixture of
     *     experts
     */
    Map<String, Double> measure() {
        if (a.spec().layers().stream().anyMatch(l -> l.mlp().experts() != null)) {
            throw Problem.unsupported(
                    "the model is a mixture: an expert's output is that of the few tokens sent to it");
        }
        if (a.spec().layers().stream().anyMatch(l -> l.recurrence() != null)) {
            throw Problem.unsupported(
                    "the model has recurrences: what their matrices make passes a convolution before it is hooked");
        }
        Map<String, Double> sums = new HashMap<>();
        long scored = 0;
        for (PreparedSensitivity.Pass pass : passes) {
            List<GradientRequest.Target> targets = targets(pass);
            scored += targets.size();
            if (targets.isEmpty()) continue;
            for (List<Matrix> chunk : chunks(pass.a().length)) add(pass, targets, chunk, sums);
        }
        if (scored == 0) throw Problem.unsupported("a single token has no next one to predict");
        long positions = scored;
        sums.replaceAll((name, sum) -> sum / positions);
        return sums;
    }

    private static List<GradientRequest.Target> targets(PreparedSensitivity.Pass pass) {
        List<GradientRequest.Target> targets = new ArrayList<>();
        for (int row = pass.from(); row < pass.to() && row + 1 < pass.a().length; row++) {
            targets.add(new GradientRequest.Target(row, pass.a()[row + 1], Of.NLL, 1));
        }
        return targets;
    }

    private void add(
            PreparedSensitivity.Pass pass,
            List<GradientRequest.Target> targets,
            List<Matrix> matrices,
            Map<String, Double> sums) {
        TreeSet<HookId> outputs = new TreeSet<>();
        TreeSet<HookId> both = new TreeSet<>();
        for (Matrix m : matrices) {
            outputs.add(m.output());
            both.add(m.output());
            if (m.input() != null) both.add(m.input());
        }
        Gradients g = gradients.engine().gradients(new GradientRequest(pass.a(), targets, outputs, false));
        try (Capture left = a.capture(pass.a(), both)) {
            Map<HookId, Tensor> inputs = new LinkedHashMap<>();
            matrices.stream().map(Matrix::input).filter(Objects::nonNull).forEach(in -> inputs.put(in, left.get(in)));
            try (Capture patched = b.capture(pass.b(), outputs, inputs)) {
                for (Matrix m : matrices) {
                    HookId out = m.output();
                    double kl = OutputFisher.kl(g.hooks().get(out), left.get(out), patched.get(out));
                    sums.merge(m.name(), kl, Double::sum);
                }
            }
        }
    }

    /** Groups of layers whose values and gradients fit the budget together. */
    private List<List<Matrix>> chunks(int positions) {
        List<List<Matrix>> chunks = new ArrayList<>();
        long left = 0;
        for (int layer = -1; layer <= a.spec().nLayers(); layer++) {
            List<Matrix> matrices = matrices(layer).stream()
                    .filter(m -> wanted.contains(m.name()))
                    .toList();
            if (matrices.isEmpty()) continue;
            long bytes = 0;
            for (Matrix m : matrices) {
                bytes += 3 * CaptureBudget.bytes(a.spec(), List.of(m.output()), positions);
                if (m.input() != null) bytes += CaptureBudget.bytes(a.spec(), List.of(m.input()), positions);
            }
            if (bytes > budget.maxBytes()) {
                throw Problem.tooLarge("values and gradients of one layer would not fit the budget")
                        .where("layer " + layer + " x " + positions + " positions")
                        .expected("at most " + ByteCount.of(budget.maxBytes()))
                        .found(ByteCount.of(bytes))
                        .instead("a smaller options.window, or raise --capture-budget");
            }
            if (chunks.isEmpty() || bytes > left) {
                chunks.add(new ArrayList<>());
                left = budget.maxBytes();
            }
            chunks.get(chunks.size() - 1).addAll(matrices);
            left -= bytes;
        }
        return chunks;
    }

    /** Matrices of a layer; -1 is the embedding, the index after the last layer the unembedding. */
    private List<Matrix> matrices(int layer) {
        DecoderSpec spec = a.spec();
        if (layer < 0) return List.of(new Matrix("embed", null, HookId.of(HookPoint.EMBED)));
        if (layer == spec.nLayers()) {
            return List.of(new Matrix("unembed", StreamHooks.end(spec), HookId.of(HookPoint.LOGITS)));
        }
        LayerSpec block = spec.layers().get(layer);
        String name = "blocks." + layer + ".";
        HookId pre = HookId.of(HookPoint.RESID_PRE, layer);
        HookId mid = block.parallel() ? pre : HookId.of(HookPoint.RESID_MID, layer);
        boolean gated = block.mlp().gated();
        List<Matrix> matrices = new ArrayList<>();
        if (block.attends()) {
            String attn = name + "attn.";
            matrices.add(new Matrix(attn + "q", pre, HookId.of(HookPoint.Q, layer)));
            if (HookPresence.of(HookPoint.K, spec, layer))
                matrices.add(new Matrix(attn + "k", pre, HookId.of(HookPoint.K, layer)));
            if (HookPresence.of(HookPoint.V, spec, layer) && !block.attention().valuesAreKeys())
                matrices.add(new Matrix(attn + "v", pre, HookId.of(HookPoint.V, layer)));
            matrices.add(new Matrix(attn + "o", HookId.of(HookPoint.Z, layer), HookId.of(HookPoint.ATTN_OUT, layer)));
        } else {
            String conv = name + "conv.";
            matrices.add(new Matrix(conv + "b", pre, HookId.of(HookPoint.CONV_B, layer)));
            matrices.add(new Matrix(conv + "c", pre, HookId.of(HookPoint.CONV_C, layer)));
            matrices.add(new Matrix(conv + "x", pre, HookId.of(HookPoint.CONV_X, layer)));
            HookId read = HookId.of(HookPoint.CONV_POST, layer);
            matrices.add(new Matrix(conv + "out", read, HookId.of(HookPoint.CONV_OUT, layer)));
        }
        matrices.addAll(List.of(
                new Matrix(name + "mlp.out", HookId.of(HookPoint.MLP_POST, layer), HookId.of(HookPoint.MLP_OUT, layer)),
                new Matrix(
                        name + "mlp.in", mid, HookId.of(gated ? HookPoint.MLP_PRE_LINEAR : HookPoint.MLP_PRE, layer))));
        if (gated) matrices.add(new Matrix(name + "mlp.gate", mid, HookId.of(HookPoint.MLP_PRE, layer)));
        return matrices;
    }
}
