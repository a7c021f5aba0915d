package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.llminspector.capture.Capture;
import org.llminspector.engine.layer.MatrixInput;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.LayerSpec;

/** What matrices are said to read gives, multiplied by them, the value that the model has after them. */
class MatrixInputTest {

    /** Positions that are multiplied again. */
    private static final int ROWS = 4;

    private record Product(MatrixInput input, String module, HookId after) {}

    @Test
    void aMatrixTimesWhatItReadsIsWhatTheModelHas() {
        Set<String> held = new TreeSet<>();
        List<Path> dirs = new ArrayList<>(Golden.in(Golden.FAMILIES));
        dirs.addAll(Golden.all());
        for (Path dir : dirs) {
            try (Golden g = new Golden(dir)) {
                List<Product> products = new ArrayList<>();
                TreeSet<HookId> hooks = new TreeSet<>();
                for (MatrixInput input : MatrixInput.all(g.weights.spec())) {
                    for (String module : input.modules()) {
                        HookId after = after(g, input, module);
                        if (after == null) continue;
                        products.add(new Product(input, module, after));
                        hooks.addAll(List.of(input.hook(), after));
                        if (!input.expert()) continue;
                        hooks.add(HookId.of(HookPoint.EXPERT_INDICES, input.layer()));
                        hooks.add(HookId.of(HookPoint.EXPERT_WEIGHTS, input.layer()));
                    }
                }
                try (Capture seen = g.capture(Arrays.copyOf(g.ids("input_ids"), ROWS), hooks)) {
                    for (Product p : products) {
                        if (hold(g, seen, p)) held.add(p.module().replaceFirst("^blocks\\.\\d+\\.", ""));
                    }
                }
            }
        }
        assertThat(held)
                .contains("attn.q", "attn.k", "attn.v", "attn.o", "mlp.gate", "mlp.in", "mlp.out", "mlp.router")
                .contains("mlp.experts.{e}.gate", "mlp.experts.{e}.in", "mlp.experts.{e}.out")
                .contains("mlp.shared_expert.gate", "mlp.shared_expert.in", "mlp.shared_expert.out", "attn.gate")
                .contains("conv.b", "conv.c", "conv.x", "conv.out", "ssm.gate", "ssm.out", "unembed", "embed");
    }

    /** The hook that is the matrix's product and nothing else, or null. */
    private static HookId after(Golden g, MatrixInput input, String module) {
        var spec = g.weights.spec();
        int i = input.layer();
        if (i == spec.nLayers()) {
            boolean plain = spec.logitScale() == null && spec.logitSoftcap() == null && spec.dEmbed() == null;
            return plain ? HookId.of(HookPoint.LOGITS) : null;
        }
        LayerSpec layer = spec.layers().get(i);
        boolean whole = layer.residualScale() == null && layer.factors() == null;
        boolean alone = whole && layer.ln1Post() == null && !(layer.mixer() instanceof LayerSpec.Both);
        boolean gated = layer.mlp().gated();
        HookPoint point =
                switch (module.substring(module.indexOf('.', 7) + 1)) {
                    case "attn.q" ->
                        layer.attention().qNorm() == null && layer.attention().clip() == null ? HookPoint.Q : null;
                    case "attn.k" ->
                        layer.attention().kNorm() == null
                                        && layer.attention().clip() == null
                                        && layer.attention().latent() == null
                                ? HookPoint.K
                                : null;
                    case "attn.v" ->
                        layer.attention().vNorm() == null
                                        && layer.attention().clip() == null
                                        && layer.attention().valueScale() == null
                                ? HookPoint.V
                                : null;
                    case "attn.gate" -> HookPoint.ATTN_GATE;
                    case "attn.o" -> alone ? HookPoint.ATTN_OUT : null;
                    case "conv.b" -> HookPoint.CONV_B;
                    case "conv.c" -> HookPoint.CONV_C;
                    case "conv.x" -> HookPoint.CONV_X;
                    case "conv.out" -> alone ? HookPoint.CONV_OUT : null;
                    case "ssm.gate" -> HookPoint.SSM_GATE;
                    case "ssm.out" -> alone ? HookPoint.SSM_OUT : null;
                    case "mlp.gate" -> HookPoint.MLP_PRE;
                    case "mlp.in" -> gated ? HookPoint.MLP_PRE_LINEAR : HookPoint.MLP_PRE;
                    case "mlp.out" -> whole && layer.ln2Post() == null ? HookPoint.MLP_OUT : null;
                    case "mlp.router" -> HookPoint.ROUTER_LOGITS;
                    case "mlp.experts.{e}.gate" -> HookPoint.EXPERT_PRE;
                    case "mlp.experts.{e}.in" -> gated ? HookPoint.EXPERT_PRE_LINEAR : HookPoint.EXPERT_PRE;
                    case "mlp.experts.{e}.out" -> HookPoint.EXPERT_OUT;
                    case "mlp.shared_expert.gate" -> HookPoint.SHARED_PRE;
                    case "mlp.shared_expert.in" -> gated ? HookPoint.SHARED_PRE_LINEAR : HookPoint.SHARED_PRE;
                    case "mlp.shared_expert.out" ->
                        layer.mlp().experts().sharedGate()
                                        || layer.mlp().experts().parallelNorm() != null
                                ? null
                                : HookPoint.SHARED_OUT;
                    default -> null;
                };
        return point == null ? null : HookId.of(point, i);
    }

    /** @return whether it was held: a weight that the model has */
    private static boolean hold(Golden g, Capture seen, Product p) {
        MatrixInput input = p.input();
        Weights weights = g.weights;
        float[] x = seen.get(input.hook()).toFloats();
        float[] y = seen.get(p.after()).toFloats();
        float[] indices = input.expert() ? values(seen, HookPoint.EXPERT_INDICES, input) : new float[0];
        float[] scores = input.expert() ? values(seen, HookPoint.EXPERT_WEIGHTS, input) : new float[0];
        int rows = input.expert() ? indices.length : ROWS;
        boolean weighed = input.feeds() == MatrixInput.Feeds.EXPERT_IN
                && weights.spec().layers().get(input.layer()).mlp().experts().weighsInput();
        float[] w = null; // [out, in]
        String last = "";
        for (int r = 0; r < rows; r++) {
            String name = input.expert() ? p.module().replace("{e}", String.valueOf((int) indices[r])) : p.module();
            if (!weights.has(name + ".weight")) return false;
            if (!name.equals(last)) w = weights.get(name + ".weight").toFloats();
            last = name;
            int out = (int) weights.shape(name + ".weight")[0];
            int in = w.length / out;
            int from = input.feeds() == MatrixInput.Feeds.EXPERT_IN ? r / (rows / ROWS) * in : r * in;
            float[] read = normed(x, from, in, weights, input.norm());
            if (weighed) for (int c = 0; c < in; c++) read[c] *= scores[r];
            float[] bias =
                    weights.has(name + ".bias") ? weights.get(name + ".bias").toFloats() : new float[out];
            for (int o = 0; o < out; o++) {
                double sum = bias[o];
                for (int c = 0; c < in; c++) sum += (double) w[o * in + c] * read[c];
                if (name.endsWith("attn.gate")) sum = 1 / (1 + Math.exp(-sum));
                double value = y[r * (y.length / rows) + o];
                if (!(Math.abs(value - sum) <= 1e-4 * Math.max(1, Math.abs(sum))))
                    throw new AssertionError(g + " " + name + " row " + r + ": " + value + ", not " + sum);
            }
        }
        return true;
    }

    private static float[] values(Capture seen, HookPoint point, MatrixInput input) {
        return seen.get(HookId.of(point, input.layer())).toFloats();
    }

    private static float[] normed(float[] x, int from, int n, Weights weights, String norm) {
        float[] y = Arrays.copyOfRange(x, from, from + n);
        if (norm == null || !weights.has(norm + ".weight")) return y;
        float[] w = weights.get(norm + ".weight").toFloats();
        float[] b = weights.has(norm + ".bias") ? weights.get(norm + ".bias").toFloats() : new float[n];
        for (int c = 0; c < n; c++) y[c] = y[c] * w[c] + b[c];
        return y;
    }
}
