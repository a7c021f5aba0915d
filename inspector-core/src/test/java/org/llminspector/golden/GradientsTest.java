package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.GradientRequest;
import org.llminspector.engine.GradientRequest.Of;
import org.llminspector.engine.GradientRequest.Target;
import org.llminspector.engine.Gradients;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Optimizer;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;

/** Gradients of every family against Hugging Face's, at every hook against finite differences, by every weight against the learner's. */
class GradientsTest {

    static List<Path> all() {
        return Golden.all();
    }

    static Stream<Path> everyFamily() {
        return Stream.concat(all().stream(), Golden.in(Golden.FAMILIES).stream());
    }

    @ParameterizedTest
    @MethodSource("all")
    void byTheEmbeddingAsInHuggingFace(Path dir) {
        try (Golden g = new Golden(dir)) {
            if (!g.names().contains("grad_embeds")) return;
            int[] ids = g.ids("input_ids");
            HookId embed = HookId.of(HookPoint.EMBED);
            Target top = new Target(ids.length - 1, g.info.path("grad_target").asInt(), Of.LOGIT, 1);
            float[] gradient = g.engine
                    .gradients(new GradientRequest(ids, List.of(top), new TreeSet<>(Set.of(embed)), false))
                    .hooks()
                    .get(embed)
                    .toFloats();
            // The golden is by the row looked up, the hook is after the family's scale.
            for (int i = 0; i < gradient.length; i++)
                gradient[i] *= g.engine.spec().embedScale();
            float[] golden = g.values("grad_embeds");
            double size = 0;
            for (float v : golden) size = Math.max(size, Math.abs(v));
            double noise = g.noise == null ? 2e-5 : g.noise.path("grad_embeds").asDouble(2e-5);
            assertThat(Golden.maxAbsDiff(gradient, golden))
                    .as("of at most " + size)
                    .isLessThan(Math.max(3 * noise, 3e-5 * size));
        }
    }

    /** A number's slope along a direction at a hook, from two runs that add a little of it and take a little away. */
    @Test
    void atEveryHookTheSlopeOfTwoRunsThatDifferThere() {
        for (Path family : List.of(
                Golden.ROOT.resolve("gemma2"),
                Golden.ROOT.resolve("gpt_neox"),
                Golden.ROOT.resolve("qwen3"),
                Golden.FAMILIES.resolve("apertus"),
                Golden.FAMILIES.resolve("opt_postnorm"),
                Golden.FAMILIES.resolve("mixtral"),
                Golden.FAMILIES.resolve("qwen2_moe"),
                Golden.FAMILIES.resolve("deepseek_v3_yarn"),
                Golden.FAMILIES.resolve("gpt_oss"),
                Golden.FAMILIES.resolve("lfm2"),
                Golden.FAMILIES.resolve("mamba"),
                Golden.FAMILIES.resolve("falcon_h1"),
                Golden.FAMILIES.resolve("olmo_hybrid"),
                Golden.FAMILIES.resolve("kimi_linear"),
                Golden.FAMILIES.resolve("minimax"),
                Golden.FAMILIES.resolve("recurrent_gemma"),
                Golden.FAMILIES.resolve("lfm2_bias"))) {
            try (Golden g = new Golden(family)) {
                // A prompt on which no step sends a token to another expert: that would be a jump, and no slope.
                int from = family.endsWith("qwen2_moe") ? 12 : 0;
                int[] ids = Arrays.copyOfRange(g.ids("input_ids"), from, from + 6);
                int last = ids.length - 1;
                int token = 5;
                TreeSet<HookId> hooks = new TreeSet<>();
                for (HookId id : HookPatterns.all(g.engine.spec())) {
                    // Masked scores are -inf and stay it.
                    boolean masked = id.point() == HookPoint.ATTN_SCORES || id.point() == HookPoint.PATTERN;
                    if (!masked && id.layer() <= 1) hooks.add(id);
                }
                Target target = new Target(last, token, Of.LOGIT, 1);
                Gradients gradients = g.engine.gradients(new GradientRequest(ids, List.of(target), hooks, false));
                assertThat(gradients.hooks().keySet()).isEqualTo(hooks);
                double scale = Math.max(1, Math.abs(gradients.value()));
                for (HookId id : hooks) {
                    Tensor gradient = gradients.hooks().get(id);
                    float[] slope = gradient.toFloats();
                    // Along the gradient itself, where the number grows fastest.
                    double norm = 0;
                    for (float v : slope) norm += (double) v * v;
                    norm = Math.sqrt(norm);
                    if (id.point() == HookPoint.EXPERT_INDICES) assertThat(norm).isZero();
                    if (norm == 0) continue;
                    double step = Math.min(2e-2, 2e-2 * scale / norm);
                    double up = logit(g, ids, id, gradient, step / norm, token);
                    double down = logit(g, ids, id, gradient, -step / norm, token);
                    assertThat((up - down) / (2 * step))
                            .as(family + " " + id)
                            .isCloseTo(norm, within(0.02 * norm + 2e-3));
                }
            }
        }
    }

    private static double logit(Golden g, int[] ids, HookId id, Tensor gradient, double times, int token) {
        float[] values = gradient.toFloats();
        for (int i = 0; i < values.length; i++) values[i] *= (float) times;
        Intervention add = new Intervention(
                id.name(), Intervention.Op.ADD, null, null, null, null, null, null, new Intervention.From("x", null));
        Map<HookId, Tensor> source = new HashMap<>();
        source.put(id, Tensor.of(values, gradient.shape()));
        try (Session s = g.engine.begin(
                new SessionRequest(ids.length, new TreeSet<>(), new ArrayList<>(List.of(add)), List.of(source)))) {
            return s.append(ids)[token];
        }
    }

    @Test
    void byEveryWeightAsTheLearnerHasIt() {
        try (Golden g = new Golden(Golden.ROOT.resolve("llama"));
                Learner learner = TorchLearner.open(g.weights, "cpu");
                TorchEngine half = TorchEngine.open(g.weights, "cpu", Precision.FP16)) {
            int[] ids = g.ids("input_ids");
            float[][] ones = new float[1][ids.length - 1];
            Arrays.fill(ones[0], 1f / ones[0].length);
            Learner.Scores scores = learner.accumulate(new int[][] {ids}, ones);
            Tensor flat = learner.gradient();
            List<Target> targets = new ArrayList<>();
            for (int t = 0; t + 1 < ids.length; t++)
                targets.add(new Target(t, ids[t + 1], Of.NLL, 1.0 / (ids.length - 1)));
            for (InspectorEngine engine : new InspectorEngine[] {g.engine, half}) { // gradients are float32 in both
                for (int again = 0; again < 2; again++) { // nothing is left over from the first time
                    Gradients found = engine.gradients(new GradientRequest(ids, targets, new TreeSet<>(), true));
                    Map<String, Gradients.ParameterGradient> byName = new HashMap<>();
                    found.parameters().forEach(p -> byName.put(p.name(), p));
                    assertThat(byName).hasSize(learner.parameters().size());
                    for (Parameter p : learner.parameters()) {
                        double norm = norm(p.of(flat).toFloats());
                        assertThat(byName.get(p.name()).norm())
                                .as(p.name())
                                .isCloseTo(norm, within(1e-4 + 1e-3 * norm));
                        assertThat(byName.get(p.name()).weightNorm())
                                .isCloseTo(norm(g.weights.get(p.name()).toFloats()), within(1e-2));
                    }
                    for (int t = 0; t < targets.size(); t++) {
                        assertThat(found.targets().get(t)).isCloseTo(scores.nll()[0][t], within(1e-4));
                    }
                }
            }
        }
    }

    /** What trains is what runs: the learner's losses and gradients of every family are the engine's. */
    @ParameterizedTest
    @MethodSource("everyFamily")
    void everyFamilyCanBeTrained(Path golden) {
        try (Golden g = new Golden(golden)) {
            if (g.engine.spec().layerInputs() != null) {
                assertThatThrownBy(() -> TorchLearner.open(g.weights, "cpu"))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("per-layer embeddings");
                return;
            }
            if (g.engine.spec().layers().stream().anyMatch(l -> l.recurrence() != null)) {
                assertThatThrownBy(() -> TorchLearner.open(g.weights, "cpu"))
                        .isInstanceOf(Problem.class)
                        .hasMessageContaining("recurrence");
                return;
            }
        }
        try (Golden g = new Golden(golden);
                Learner learner = TorchLearner.open(g.weights, "cpu")) {
            int[] ids = Arrays.copyOf(g.ids("input_ids"), Math.min(12, g.ids("input_ids").length));
            float[][] each = new float[2][ids.length - 1];
            Arrays.fill(each[0], 0.5f);
            each[1][2] = 0.25f; // a second sequence of the batch
            int[] other = ids.clone();
            other[1] = ids[2];
            Learner.Scores scores = learner.accumulate(new int[][] {ids, other}, each);
            Map<String, Double> norms = new HashMap<>();
            List<Target> first = new ArrayList<>();
            for (int t = 0; t + 1 < ids.length; t++) first.add(new Target(t, ids[t + 1], Of.NLL, 0.5));
            Gradients alone = g.engine.gradients(new GradientRequest(ids, first, new TreeSet<>(), true));
            for (int t = 0; t < first.size(); t++)
                assertThat(scores.nll()[0][t]).isCloseTo(alone.targets().get(t).floatValue(), within(2e-4f));
            Tensor both = learner.gradient();
            learner.clearGradient();
            learner.accumulate(new int[][] {ids}, new float[][] {each[0]});
            Tensor flat = learner.gradient();
            alone.parameters().forEach(p -> norms.put(p.name(), p.norm()));
            Map<String, String> shared = g.weights.shared(); // one parameter, whose gradient is the sum of theirs
            Set<String> all = learner.parameters().stream().map(Parameter::name).collect(Collectors.toSet());
            all.addAll(shared.keySet());
            assertThat(norms.keySet()).isEqualTo(all);
            double most = norms.values().stream().mapToDouble(n -> n).max().orElseThrow();
            for (Parameter p : learner.parameters()) {
                if (shared.containsValue(p.name())) {
                    assertSlope(learner, p, p.of(flat).toFloats(), ids, each[0]);
                    continue;
                }
                assertThat(norm(p.of(flat).toFloats()))
                        .as(p.name())
                        .isCloseTo(norms.get(p.name()), within(1e-5 * most + 1e-3 * norms.get(p.name())));
            }
            learner.clearGradient();
            learner.accumulate(new int[][] {other}, new float[][] {each[1]});
            float[] sum = learner.gradient().toFloats();
            float[] one = flat.toFloats();
            for (int i = 0; i < sum.length; i++) sum[i] += one[i];
            assertThat(norm(difference(both.toFloats(), sum))).isLessThan(1e-4 * most);
        }
    }

    /** Without a gradient an update only decays: matrices, not a norm of each head's queries, a row a head. */
    @ParameterizedTest
    @ValueSource(strings = {"cohere_qknorm", "stablelm_qknorm", "gptj"})
    void normsAndVectorsDoNotDecay(String name) {
        try (Checkpoint checkpoint = Checkpoint.open(Golden.FAMILIES.resolve(name));
                Learner learner = TorchLearner.open(Family.open(checkpoint), "cpu")) {
            Tensor before = learner.weights();
            learner.update(Optimizer.of(Optimizer.Kind.ADAMW, null, null, null, null, 0.5), 0.5, 1);
            Tensor after = learner.weights();
            for (Parameter p : learner.parameters()) {
                float[] was = p.of(before).toFloats();
                boolean decays = p.isMatrix() && !p.name().contains("norm");
                if (decays) for (int i = 0; i < was.length; i++) was[i] *= 0.75f;
                assertThat(p.of(after).toFloats()).as(p.name()).isEqualTo(was);
            }
        }
    }

    /** A gradient by finite differences: along itself the loss grows by its norm. */
    private static void assertSlope(Learner learner, Parameter p, float[] gradient, int[] ids, float[] each) {
        double norm = norm(gradient);
        Tensor before = learner.weights();
        double h = 1e-2;
        double[] losses = new double[2];
        for (int side = 0; side < 2; side++) {
            float[] moved = before.toFloats();
            for (int i = 0; i < gradient.length; i++)
                moved[(int) p.offset() + i] += (float) ((side == 0 ? -h : h) * gradient[i] / norm);
            learner.setWeights(Tensor.of(moved, moved.length));
            float[] nll = learner.score(new int[][] {ids}).nll()[0];
            for (int t = 0; t < nll.length; t++) losses[side] += each[t] * nll[t];
        }
        learner.setWeights(before);
        assertThat((losses[1] - losses[0]) / (2 * h)).as(p.name()).isCloseTo(norm, within(1e-3 + 0.02 * norm));
    }

    private static float[] difference(float[] a, float[] b) {
        float[] d = new float[a.length];
        for (int i = 0; i < d.length; i++) d[i] = a[i] - b[i];
        return d;
    }

    @Test
    void aRandomDirectionOfTheEmbeddingToo() {
        try (Golden g = new Golden(Golden.ROOT.resolve("gpt2"))) {
            int[] ids = Arrays.copyOf(g.ids("input_ids"), 8);
            HookId embed = HookId.of(HookPoint.EMBED);
            List<Target> difference = List.of(new Target(7, 3, Of.LOGIT, 1), new Target(7, 9, Of.LOGIT, -1));
            Gradients found =
                    g.engine.gradients(new GradientRequest(ids, difference, new TreeSet<>(Set.of(embed)), false));
            assertThat(found.value())
                    .isCloseTo(found.targets().get(0) - found.targets().get(1), within(1e-4));
            Gradients none = g.engine.gradients(new GradientRequest(ids, difference, new TreeSet<>(), false));
            assertThat(none.value()).isEqualTo(found.value());
            assertThat(none.hooks()).isEmpty();
            float[] slope = found.hooks().get(embed).toFloats();
            Random random = new Random(3);
            float[] direction = new float[slope.length];
            double expected = 0;
            for (int i = 0; i < direction.length; i++) {
                direction[i] = (float) random.nextGaussian();
                expected += direction[i] * (double) slope[i];
            }
            Tensor along = Tensor.of(direction, found.hooks().get(embed).shape());
            double h = 1e-3;
            double up = logit(g, ids, embed, along, h, 3) - logit(g, ids, embed, along, h, 9);
            double down = logit(g, ids, embed, along, -h, 3) - logit(g, ids, embed, along, -h, 9);
            assertThat((up - down) / (2 * h)).isCloseTo(expected, within(0.05 + 0.02 * Math.abs(expected)));
        }
    }

    private static double norm(float[] values) {
        double sum = 0;
        for (float v : values) sum += (double) v * v;
        return Math.sqrt(sum);
    }
}
