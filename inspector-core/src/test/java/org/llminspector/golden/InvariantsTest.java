package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;
import org.llminspector.spec.Routing;
import org.llminspector.spec.ShortConv;
import org.llminspector.spec.StreamFactors;

/** What must hold in every decoder, whatever the reference says. */
class InvariantsTest {

    @TestFactory
    List<DynamicTest> invariants() {
        List<DynamicTest> tests = new ArrayList<>();
        List<Path> goldens = new ArrayList<>(Golden.all());
        goldens.addAll(Golden.in(Golden.ODD));
        goldens.addAll(Golden.in(Golden.FAMILIES));
        List<Kind> kinds = Kind.engines();
        for (Path dir : goldens) {
            for (Kind kind : kinds) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": within a pass", () -> withinAPass(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": causality", () -> causality(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": prefill + decode = one pass", () -> pieces(dir, kind)));
            }
            if (dir.startsWith(Golden.ODD)) continue; // the fused operator takes heads of 8, 16, 24 ... only
            for (Kind kind : kinds) {
                if (kind.torch()) continue;
                tests.add(DynamicTest.dynamicTest(
                        Golden.name(dir) + " on " + kind + ": its forms agree, whole and in pieces",
                        () -> forms(dir, kind)));
            }
        }
        return tests;
    }

    /** The residual sums hold in a sequential block and in a parallel one alike: both add attn_out and mlp_out. */
    private static void withinAPass(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            DecoderSpec spec = g.engine.spec();
            Capture c = g.capture(g.ids("input_ids"), HookPatterns.all(spec));
            for (int i = 0; i < spec.nLayers(); i++) {
                LayerSpec layer = spec.layers().get(i);
                if (layer.mixer() instanceof ShortConv conv) convolvesItsChannels(g, conv, c, i);
                if (layer.recurrence() != null) Recurrences.stateIsDecayedAndWritten(layer.recurrence(), c, i);
                if (layer.attends()) {
                    patternRowsSumToOne(g, c, i);
                    patternTimesValuesIsZ(spec.layers().get(i).attention(), c, i);
                    headResultsSumToAttnOut(g, c, i);
                }
                if (spec.layers().get(i).mlp().experts() != null)
                    answersSumToMlpOut(g, spec.layers().get(i), c, i);
                Streams.sums(g, c, i);
            }
        }
    }

    /** Worked out anew channel by channel: b * x, the sum over it and those just before, c times that, and the projection. */
    private static void convolvesItsChannels(Golden g, ShortConv conv, Capture c, int layer) {
        String name = "blocks." + layer + ".conv.";
        int d = g.engine.spec().dModel();
        float[] b = floats(c, HookPoint.CONV_B, layer);
        float[] x = floats(c, HookPoint.CONV_X, layer);
        float[] bx = floats(c, HookPoint.CONV_BX, layer);
        float[] gate = floats(c, HookPoint.CONV_C, layer);
        float[] sums = floats(c, HookPoint.CONV, layer);
        float[] post = floats(c, HookPoint.CONV_POST, layer);
        float[] added = floats(c, HookPoint.CONV_OUT, layer);
        Tensor kernel = g.weights.get(name + "kernel.weight"); // [width, d_model]
        float[] bias = g.weights.has(name + "kernel.bias")
                ? g.weights.get(name + "kernel.bias").toFloats()
                : new float[d];
        float[] out = g.weights.get(name + "out.weight").toFloats(); // [d_model, d_model]
        float[] outBias = g.weights.has(name + "out.bias")
                ? g.weights.get(name + "out.bias").toFloats()
                : new float[d];
        for (int i = 0; i < bx.length; i++) {
            assertThat(bx[i]).isEqualTo(b[i] * x[i]);
            double sum = bias[i % d];
            for (int back = 0; back < conv.width() && i - back * d >= 0; back++)
                sum += kernel.get((long) (conv.past() - back) * d + i % d) * bx[i - back * d];
            assertThat((double) sums[i]).isCloseTo(sum, org.assertj.core.data.Offset.offset(1e-5));
            assertThat(post[i]).isEqualTo(gate[i] * sums[i]);
            double projected = outBias[i % d];
            for (int k = 0; k < d; k++) projected += out[i % d * d + k] * post[i / d * d + k];
            assertThat((double) added[i])
                    .isCloseTo(projected, org.assertj.core.data.Offset.offset(1e-4 + 1e-6 * Math.abs(projected)));
        }
    }

    /** With sinks to less: what is missing is the sink's share of the same softmax. */
    private static void patternRowsSumToOne(Golden g, Capture c, int layer) {
        Tensor pattern = c.get(HookId.of(HookPoint.PATTERN, layer));
        Attention attention = g.engine.spec().layers().get(layer).attention();
        float[] scores = floats(c, HookPoint.ATTN_SCORES, layer);
        String name = "blocks." + layer + ".attn.sinks.weight";
        float[] sinks = attention.sinks() ? g.weights.get(name).toFloats() : null;
        int keys = (int) pattern.shape()[3];
        int queries = (int) pattern.shape()[2];
        float[] p = pattern.toFloats();
        for (int row = 0; row < p.length / keys; row++) {
            double sum = 0;
            for (int k = 0; k < keys; k++) {
                sum += p[row * keys + k];
                boolean outOfSight = k < attention.reach().first(row % queries);
                if (k > row % queries || outOfSight)
                    assertThat(p[row * keys + k]).isZero();
            }
            double rest = 0;
            if (sinks != null) {
                double sink = Math.exp(sinks[row / queries]);
                double all = sink;
                for (int k = 0; k < keys; k++) all += Math.exp(scores[row * keys + k]);
                rest = sink / all;
                assertThat(rest).isPositive();
            }
            assertThat(sum).isCloseTo(1 - rest, org.assertj.core.data.Offset.offset(1e-5));
        }
    }

    private static void patternTimesValuesIsZ(Attention a, Capture c, int layer) {
        Tensor pattern = c.get(HookId.of(HookPoint.PATTERN, layer));
        Tensor v = c.get(HookId.of(HookPoint.V, a.keysFrom() == null ? layer : a.keysFrom()));
        float[] z = floats(c, HookPoint.Z, layer);
        float[] gates = a.gated() ? floats(c, HookPoint.ATTN_GATE, layer) : null;
        int n = (int) pattern.shape()[2];
        int group = a.nHeads() / a.nKvHeads();
        for (int h = 0; h < a.nHeads(); h++) {
            for (int q = 0; q < n; q += 7) {
                for (int d = 0; d < a.dValue(); d++) {
                    double sum = 0;
                    for (int k = 0; k < n; k++) {
                        sum += pattern.get(((long) h * n + q) * n + k)
                                * v.get(((long) k * a.nKvHeads() + h / group) * a.dValue() + d);
                    }
                    int at = (q * a.nHeads() + h) * a.dValue() + d;
                    assertThat((double) z[at])
                            .isCloseTo(
                                    gates == null ? sum : sum * gates[at], org.assertj.core.data.Offset.offset(1e-4));
                }
            }
        }
    }

    private static void headResultsSumToAttnOut(Golden g, Capture c, int layer) {
        Tensor result = c.get(HookId.of(HookPoint.RESULT, layer)); // [1, pos, head, d_model]
        float[] attnOut = floats(c, HookPoint.ATTN_OUT, layer);
        float[] bias = new float[g.engine.spec().dModel()];
        if (g.weights.has("blocks." + layer + ".attn.o.bias")) {
            bias = g.weights.get("blocks." + layer + ".attn.o.bias").toFloats();
        }
        int heads = (int) result.shape()[2];
        int width = (int) result.shape()[3];
        double[] sums = new double[attnOut.length];
        for (int i = 0; i < sums.length; i++) {
            sums[i] = bias[i % width];
            for (int h = 0; h < heads; h++) sums[i] += result.get(((long) (i / width) * heads + h) * width + i % width);
        }
        Norm post = g.engine.spec().layers().get(layer).ln1Post();
        if (post != null) rmsNorm(sums, post, g.weights.get("blocks." + layer + ".ln1_post.weight"));
        Float scale = g.engine.spec().layers().get(layer).residualScale();
        for (int i = 0; scale != null && i < sums.length; i++) sums[i] *= scale;
        StreamFactors factors = g.engine.spec().layers().get(layer).factors();
        for (int i = 0; factors != null && i < sums.length; i++) sums[i] *= factors.mixed();
        for (int i = 0; i < sums.length; i++) {
            assertThat((double) attnOut[i]).isCloseTo(sums[i], org.assertj.core.data.Offset.offset(1e-4));
        }
    }

    /** And the gates are the weights, expert by expert; the chosen have the highest logits. */
    private static void answersSumToMlpOut(Golden g, LayerSpec block, Capture c, int layer) {
        Experts experts = block.mlp().experts();
        double factor = block.residualScale() == null ? 1 : block.residualScale();
        Tensor out = c.get(HookId.of(HookPoint.EXPERT_OUT, layer)); // [1, pos, slot, d_model]
        float[] indices = floats(c, HookPoint.EXPERT_INDICES, layer);
        float[] weights = floats(c, HookPoint.EXPERT_WEIGHTS, layer);
        float[] gates = floats(c, HookPoint.EXPERT_GATES, layer);
        float[] logits = floats(c, HookPoint.ROUTER_LOGITS, layer);
        float[] mlp = floats(c, HookPoint.MLP_OUT, layer);
        float[] shared = experts.dShared() == null ? new float[mlp.length] : floats(c, HookPoint.SHARED_OUT, layer);
        int slots = experts.active();
        int width = (int) out.shape()[3];
        double[] sums = new double[mlp.length];
        for (int p = 0; p < out.shape()[1]; p++) {
            float[] spread = new float[experts.count()];
            for (int s = 0; s < slots; s++) spread[(int) indices[p * slots + s]] = weights[p * slots + s];
            float[] own = Arrays.copyOfRange(gates, p * experts.count(), (p + 1) * experts.count());
            assertThat(own).isEqualTo(spread);
            float[] row = Arrays.copyOfRange(logits, p * own.length, (p + 1) * own.length);
            double[] scores = choice(g, experts.routing(), row, layer);
            double least = scores[(int) indices[(p + 1) * slots - 1]];
            for (int e = 0; e < own.length; e++) assertThat(scores[e] >= least).isEqualTo(own[e] > 0);
            Routing routing = experts.routing();
            double times = routing == null ? 1 : routing.factor();
            if (experts.parallelNorm() != null) { // each weight times its expert's scale
                float[] scale = g.weights
                        .get("blocks." + layer + ".mlp.router.expert_scale")
                        .toFloats();
                for (int e = 0; e < own.length; e++) own[e] /= scale[e];
            }
            if (experts.renormalised())
                assertThat(sum(own))
                        .isCloseTo(times, org.assertj.core.data.Offset.offset(1e-6 + 10 * experts.sumEpsilon()));
            else if (routing == null || !(routing.sigmoid() || routing.jitter() != null))
                assertThat(sum(own)).isLessThan(times);
            for (int d = 0; d < width; d++) {
                double sum = 0;
                for (int s = 0; s < slots; s++)
                    sum += (experts.weighsInput() ? 1 : weights[p * slots + s])
                            * out.get(((long) p * slots + s) * width + d);
                sums[p * width + d] = sum;
            }
        }
        if (experts.parallelNorm() != null)
            rmsNorm(sums, experts.parallelNorm(), g.weights.get("blocks." + layer + ".mlp.experts_post_norm.weight"));
        for (int i = 0; i < sums.length; i++) sums[i] += shared[i];
        if (block.ln2Post() != null)
            rmsNorm(sums, block.ln2Post(), g.weights.get("blocks." + layer + ".ln2_post.weight"));
        for (int i = 0; i < sums.length; i++)
            assertThat((double) mlp[i]).isCloseTo(factor * sums[i], org.assertj.core.data.Offset.offset(1e-4));
    }

    /** What experts are chosen by: their logits, or DeepSeek's scores, worked out anew; -inf in a group that is not chosen. */
    private static double[] choice(Golden g, Routing r, float[] logits, int layer) {
        double[] scores = new double[logits.length];
        for (int e = 0; e < scores.length; e++) scores[e] = logits[e];
        if (r == null) return scores;
        float[] bias = r.choiceBias()
                ? g.weights.get("blocks." + layer + ".mlp.router.choice_bias").toFloats()
                : new float[scores.length];
        double all = Arrays.stream(scores).map(Math::exp).sum();
        for (int e = 0; e < scores.length; e++)
            scores[e] = bias[e] + (r.sigmoid() ? 1 / (1 + Math.exp(-logits[e])) : Math.exp(logits[e]) / all);
        int each = scores.length / r.groups();
        double[] groups = new double[r.groups()];
        for (int i = 0; i < groups.length; i++) {
            double[] sorted = Arrays.copyOfRange(scores, i * each, (i + 1) * each);
            Arrays.sort(sorted);
            for (int b = 1; b <= Math.min(r.groupBest(), each); b++) groups[i] += sorted[each - b];
        }
        double[] best = groups.clone();
        Arrays.sort(best);
        for (int e = 0; e < scores.length; e++)
            if (groups[e / each] < best[best.length - r.activeGroups()]) scores[e] = Double.NEGATIVE_INFINITY;
        return scores;
    }

    private static double sum(float[] x) {
        double sum = 0;
        for (float v : x) sum += v;
        return sum;
    }

    private static void rmsNorm(double[] x, Norm norm, Tensor weight) {
        int width = (int) weight.size();
        for (int row = 0; row < x.length; row += width) {
            double squares = 0;
            for (int d = 0; d < width; d++) squares += x[row + d] * x[row + d];
            double scale = Math.sqrt(squares / width + norm.eps());
            for (int d = 0; d < width; d++) x[row + d] *= weight.get(d) / scale;
        }
    }

    private static void causality(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = g.ids("input_ids");
            int[] changed = ids.clone();
            int last = ids.length - 1;
            changed[last] = (changed[last] + 1) % g.engine.spec().vocab();
            Capture a = g.capture(ids, HookPatterns.all(g.engine.spec()));
            Capture b = g.capture(changed, HookPatterns.all(g.engine.spec()));
            boolean mixture =
                    g.engine.spec().layers().stream().anyMatch(l -> l.mlp().experts() != null);
            a.tensors().forEach((hook, tensor) -> {
                int axis = hook.point().axes().indexOf(org.llminspector.hook.Axis.POS);
                if (axis < 0) axis = hook.point().axes().indexOf(org.llminspector.hook.Axis.QUERY);
                int[][] before = new int[tensor.rank()][];
                for (int i = 0; i < before.length; i++) before[i] = new int[] {0, (int) tensor.shape()[i]};
                before[axis][1] = last;
                float[] expected = tensor.slice(before).toFloats();
                float[] found = b.get(hook).slice(before).toFloats();
                // How many rows an expert multiplies at once, and so how they are rounded, the other tokens decide too.
                if (mixture)
                    assertThat(Golden.maxAbsDiff(found, expected))
                            .as(hook.name())
                            .isLessThan(Math.max(1e-4, 1e-5 * largest(expected)));
                else assertThat(found).as(hook.name()).isEqualTo(expected);
            });
        }
    }

    /** The largest finite magnitude: FP32 rounds a large value more coarsely (1e-5 of it is 84 to 168 last bits, of a sum over d_head). */
    private static double largest(float[] values) {
        double largest = 0;
        for (float v : values) if (Float.isFinite(v)) largest = Math.max(largest, Math.abs(v));
        return largest;
    }

    private static void pieces(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = Arrays.copyOf(g.ids("input_ids"), sameRope(g.engine.spec(), g.ids("input_ids").length));
            int first = ids.length / 4;
            int second = ids.length / 2;
            TreeSet<HookId> all = new TreeSet<>(HookPatterns.all(g.engine.spec()));
            Capture whole = g.capture(ids, all);
            try (Session s = g.engine.begin(new SessionRequest(ids.length + 5, all, List.of(), List.of()))) {
                s.append(Arrays.copyOfRange(ids, 0, first));
                s.append(Arrays.copyOfRange(ids, first, second));
                for (int i = second; i < ids.length; i++) s.append(new int[] {ids[i]});
                Capture pieces = s.capture();
                // As far as two versions of the reference differ in a layer's output, rounding alone may.
                double noise = Math.max(2e-4, g.tolerance("layer_out"));
                whole.tensors().forEach((hook, tensor) -> {
                    assertThat(pieces.get(hook).shape()).as(hook.name()).isEqualTo(tensor.shape());
                    float[] values = tensor.toFloats();
                    assertThat(Golden.maxAbsDiff(pieces.get(hook).toFloats(), values))
                            .as("%s, values up to %s in %s", hook.name(), largest(values), dir)
                            .isLessThan(Math.max(noise, 1e-5 * largest(values))); // GPT-Neo's scores have no factor
                });
                assertThat(s.kvCache().positions()).isEqualTo(ids.length);
            }
        }
    }

    /** Logits of the fused form, in one pass and in pieces, and of the hooked one. */
    private static void forms(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int[] ids = Arrays.copyOf(g.ids("input_ids"), sameRope(g.engine.spec(), g.ids("input_ids").length));
            // No fused operator has chunks, values of another width than the keys', or keys of another layer.
            if (g.engine
                    .spec()
                    .attentions()
                    .anyMatch(a -> a.keysFrom() != null
                            || (a.latent() == null && (a.chunk() != null || a.dValue() != a.dHead())))) {
                try (Session s =
                        g.engine.begin(new SessionRequest(ids.length, new TreeSet<>(), List.of(), List.of()))) {
                    assertThat(s.form()).isEqualTo("hooked");
                }
                return;
            }
            double most =
                    Math.max(2e-4, g.tolerance("logits")); // a delta net's norm enlarges the noise of small values
            float[] expected = Golden.logits(g.engine, ids, ids.length, true);
            assertThat(Golden.maxAbsDiff(Golden.logits(g.engine, ids, ids.length, false), expected))
                    .isLessThan(most);
            TreeSet<HookId> logits = new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS)));
            try (Session s = g.engine.begin(new SessionRequest(ids.length, logits, List.of(), List.of()))) {
                assertThat(s.form()).isEqualTo("fused");
                s.append(Arrays.copyOfRange(ids, 0, ids.length / 4));
                s.append(Arrays.copyOfRange(ids, ids.length / 4, ids.length / 2));
                for (int i = ids.length / 2; i < ids.length; i++) s.append(new int[] {ids[i]});
                assertThat(Golden.maxAbsDiff(s.capture().get(logits.first()).toFloats(), expected))
                        .isLessThan(most);
            }
        }
    }

    /**
     * How many positions all turn by the same frequencies: dynamic and longrope have others for longer sequences, and
     * keys in the cache keep those that they were made with, in the reference too.
     */
    private static int sameRope(DecoderSpec spec, int length) {
        int same = length;
        for (LayerSpec layer : spec.layers()) {
            Rope rope = layer.attends() ? layer.attention().rope() : null;
            if (rope == null) continue;
            float[] shortest = RopeFrequencies.perPosition(rope, 1);
            while (!Arrays.equals(RopeFrequencies.perPosition(rope, same), shortest)) same--;
        }
        return same;
    }

    private static float[] floats(Capture c, HookPoint point, int layer) {
        return c.get(HookId.of(point, layer)).toFloats();
    }
}
