package org.llminspector.golden;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Precision;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPatterns;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookPresence;
import org.llminspector.hook.StreamHooks;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;

/** Every tensor of every golden, within three times the noise between two versions of the reference. */
class GoldenTest {

    @TestFactory
    List<DynamicTest> goldens() {
        return tests(Golden.all());
    }

    @TestFactory
    List<DynamicTest> oddSizes() {
        return tests(Golden.in(Golden.ODD));
    }

    /** All that scripts/golden/odd_sizes.py makes, in the folder that LLM_INSPECTOR_ODD names. */
    @Tag("long")
    @TestFactory
    List<DynamicTest> moreOddSizes() {
        String folder = System.getenv("LLM_INSPECTOR_ODD");
        return folder == null ? List.of() : tests(Golden.in(Path.of(folder)));
    }

    /** FP16 has a bound of its own on a GPU, where its products are in it; CudaGraphTest holds the onnx engine to it. */
    @TestFactory
    List<DynamicTest> halvesOnAGpu() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Kind kind : Kind.engines()) {
            if (!kind.gpu() || !kind.torch()) continue;
            for (Path dir : Golden.all()) {
                tests.add(DynamicTest.dynamicTest(
                        Golden.name(dir) + " on " + kind + " in FP16", () -> halves(dir, kind)));
            }
        }
        return tests;
    }

    /** Dynamic RoPE past max_position_embeddings; what transformers generates after a prompt depends on what it read before. */
    @TestFactory
    List<DynamicTest> promptsAlone() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.in(Golden.PROMPTS)) {
            for (Kind kind : Kind.engines()) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": every intermediate", () -> prompt(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": the fused form", () -> {
                    try (Golden golden = new Golden(dir, kind)) {
                        int[] ids = golden.ids("input_ids");
                        assertThat(golden.weights.spec().maxContext()).isEqualTo(96);
                        float[] whole = kind.torch()
                                ? golden.capture(ids, Set.of(HookId.of(HookPoint.LOGITS)))
                                        .get(HookId.of(HookPoint.LOGITS))
                                        .toFloats()
                                : Golden.logits(golden.engine, ids, ids.length, false);
                        assertThat(Golden.maxAbsDiff(whole, golden.values("logits")))
                                .isLessThanOrEqualTo(golden.tolerance("logits"));
                    }
                }));
            }
        }
        return tests;
    }

    @TestFactory
    List<DynamicTest> families() {
        List<DynamicTest> tests = new ArrayList<>();
        for (Path dir : Golden.in(Golden.FAMILIES)) {
            for (Kind kind : Kind.here()) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": greedy with the cache", () -> greedy(dir, kind, false)));
                if (kind.hooked()) continue;
                tests.add(DynamicTest.dynamicTest(name + ": the prompt", () -> prompt(dir, kind)));
                if (!kind.torch()) continue;
                tests.add(DynamicTest.dynamicTest(name + ": the fused form between layers", () -> fast(dir, kind)));
                tests.add(DynamicTest.dynamicTest(
                        name + ", hooked: greedy with the cache", () -> greedy(dir, kind, true)));
            }
        }
        return tests;
    }

    private static List<DynamicTest> tests(List<Path> goldens) {
        List<DynamicTest> tests = new ArrayList<>();
        List<Kind> kinds = Kind.here();
        for (Path dir : goldens) {
            for (Kind kind : kinds) {
                String name = Golden.name(dir) + " on " + kind;
                tests.add(DynamicTest.dynamicTest(name + ": greedy with the cache", () -> greedy(dir, kind, false)));
                if (kind.hooked()) continue; // captures and changes are on the hooked form anyway
                tests.add(DynamicTest.dynamicTest(name + ": every intermediate", () -> intermediates(dir, kind)));
                tests.add(DynamicTest.dynamicTest(name + ": head ablation", () -> ablation(dir, kind)));
                if (!kind.torch()) continue;
                tests.add(DynamicTest.dynamicTest(name + ": the fused form between layers", () -> fast(dir, kind)));
                tests.add(DynamicTest.dynamicTest(
                        name + ", hooked: greedy with the cache", () -> greedy(dir, kind, true)));
            }
        }
        return tests;
    }

    private static void halves(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind);
                InspectorEngine half = kind.open(g.weights, Precision.FP16)) {
            g.holdsInFp16(half);
        }
    }

    private static void intermediates(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            Capture capture = g.capture(g.ids("input_ids"), HookPatterns.all(g.engine.spec()));
            ours(g, capture).forEach((name, tensor) -> holds(g, name, tensor));
            logProbs(g, capture);
            Tensor shortLogits = g.capture(
                            g.ids("short.input_ids"), new TreeSet<>(List.of(HookId.of(HookPoint.LOGITS))))
                    .get(HookId.of(HookPoint.LOGITS));
            assertThat(Golden.maxAbsDiff(shortLogits.toFloats(), g.values("short.logits")))
                    .as("short.logits")
                    .isLessThanOrEqualTo(g.tolerance("short.logits"));
        }
    }

    /** What the goldens name, by what they call it. */
    private static Map<String, Tensor> ours(Golden g, Capture capture) {
        DecoderSpec spec = g.engine.spec();
        Map<String, Tensor> ours = new TreeMap<>();
        ours.put("logits", capture.get(HookId.of(HookPoint.LOGITS)));
        Tensor end = capture.get(HookId.of(HookPoint.LN_FINAL_OUT));
        ours.put("hidden_states." + spec.nLayers(), spec.dEmbed() == null ? end : projected(g, end, "project_out"));
        List<Integer> attending = spec.attending();
        // The first goldens count attentions, the later ones layers.
        boolean counted =
                attending.isEmpty() || !g.names().contains("attentions." + attending.get(attending.size() - 1));
        for (int a = 0; a < attending.size(); a++)
            ours.put(
                    "attentions." + (counted ? a : attending.get(a)),
                    capture.get(HookId.of(HookPoint.PATTERN, attending.get(a))));
        for (int i = 0; i < spec.nLayers(); i++) {
            ours.put("hidden_states." + i, capture.get(HookId.of(between(spec), i)));
            ours.put("layer_out." + i, capture.get(HookId.of(HookPoint.RESID_POST, i)));
            if (spec.altUp() != null) {
                HookId before = i == 0 ? HookId.of(HookPoint.EMBED_FORMS) : HookId.of(HookPoint.FORMS, i - 1);
                ours.put("hidden_states." + i, formsFirst(capture.get(before)));
                ours.put("layer_out." + i, formsFirst(capture.get(HookId.of(HookPoint.FORMS, i))));
                ours.put("hidden_states." + (i + 1), ours.get("layer_out." + i));
            }
            // Where a norm follows the sublayer, the golden is the value before it: not a hook, but soon computed.
            LayerSpec layer = spec.layers().get(i);
            // For the reference a block ends with the norm that the next one begins with here.
            if (layer.streamNorms() && layer.factors() == null) {
                Tensor next = i + 1 == spec.nLayers() ? end : normed(g, capture, i + 1);
                ours.put("layer_out." + i, next);
                if (i > 0) ours.put("hidden_states." + i, normed(g, capture, i));
            }
            if (layer.mlp().experts() != null) {
                // Llama 4's reference returns scores, 0 for experts that are not chosen.
                boolean scores = layer.mlp().experts().weighsInput();
                HookPoint point = scores ? HookPoint.EXPERT_GATES : HookPoint.ROUTER_LOGITS;
                Tensor router = capture.get(HookId.of(point, i)); // [1, pos, expert]
                ours.put("router." + i, router.reshaped(router.shape()[1], router.shape()[2]));
            }
            String block = "blocks." + i + ".";
            if (StreamHooks.mixed(layer).size() != 1 || !layer.feedsForward())
                continue; // its goldens have no such values
            HookPoint mixed = StreamHooks.mixed(layer).get(0);
            ours.put(
                    "attn_out." + i,
                    layer.ln1Post() == null
                            ? capture.get(HookId.of(mixed, i))
                            : projected(g, capture.get(HookId.of(HookPoint.Z, i)), block + "attn.o"));
            ours.put(
                    "mlp_out." + i,
                    layer.ln2Post() == null || layer.mlp().experts() != null
                            ? capture.get(HookId.of(HookPoint.MLP_OUT, i))
                            : projected(g, capture.get(HookId.of(HookPoint.MLP_POST, i)), block + "mlp.out"));
        }
        return ours;
    }

    /** [1, pos, form, d_model] as the reference has it, [form, 1, pos, d_model]. */
    private static Tensor formsFirst(Tensor x) {
        int pos = (int) x.shape()[1];
        int forms = (int) x.shape()[2];
        int d = (int) x.shape()[3];
        float[] from = x.toFloats();
        float[] to = new float[from.length];
        for (int p = 0; p < pos; p++)
            for (int f = 0; f < forms; f++) System.arraycopy(from, (p * forms + f) * d, to, (f * pos + p) * d, d);
        return Tensor.of(to, forms, 1, pos, d);
    }

    /** What the reference lists as hidden states: streams before blocks, in models of recurrences alone those after. */
    private static HookPoint between(DecoderSpec spec) {
        boolean alone = spec.layers().stream().allMatch(l -> l.recurrence() != null && !l.feedsForward());
        return alone ? HookPoint.RESID_POST : HookPoint.RESID_PRE;
    }

    private static void holds(Golden g, String name, Tensor ours) {
        Tensor reference = g.tensor(name);
        assertThat(ours.shape()).as(name).isEqualTo(reference.shape());
        String what = name.replaceAll("\\.[0-9]+$", "");
        assertThat(Golden.maxAbsDiff(ours.toFloats(), reference.toFloats()))
                .as(g + " " + name)
                .isLessThanOrEqualTo(g.tolerance(what));
    }

    private static void logProbs(Golden g, Capture capture) {
        assertThat(logProbs(capture.get(HookId.of(HookPoint.LOGITS)), g.ids("input_ids")))
                .as("token_logprobs")
                .satisfies(mine -> assertThat(Golden.maxAbsDiff(mine, g.values("token_logprobs")))
                        .isLessThanOrEqualTo(g.tolerance("token_logprobs")));
    }

    /** All that the golden has of its prompt. */
    private static void prompt(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            Capture capture = g.capture(g.ids("input_ids"), HookPatterns.all(g.engine.spec()));
            Map<String, Tensor> ours = ours(g, capture);
            List<String> names = g.names().stream()
                    .filter(n -> n.matches("logits|(layer_out|hidden_states|attentions|router)\\.[0-9]+"))
                    .toList();
            DecoderSpec spec = g.engine.spec();
            List<LayerSpec> layers = spec.layers();
            int mixtures =
                    (int) layers.stream().filter(l -> l.mlp().experts() != null).count();
            assertThat(names).hasSize(1 + 2 * layers.size() + spec.attending().size() + 1 + mixtures);
            names.forEach(name -> holds(g, name, ours.get(name)));
            logProbs(g, capture);
        }
    }

    /** What can be seen of the fused form: the residual stream between layers and the end of it. */
    private static void fast(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            DecoderSpec spec = g.engine.spec();
            Map<HookId, String> seen = new TreeMap<>();
            seen.put(HookId.of(HookPoint.LOGITS), "logits");
            boolean normed =
                    spec.layers().get(0).streamNorms() && spec.layers().get(0).factors() == null;
            seen.put(
                    HookId.of(HookPoint.LN_FINAL_OUT),
                    (normed ? "layer_out." : "hidden_states.") + (spec.nLayers() - (normed ? 1 : 0)));
            boolean forms = spec.altUp() != null;
            if (forms) seen.remove(HookId.of(HookPoint.LN_FINAL_OUT));
            for (int i = 0; i < spec.nLayers() && !normed; i++) {
                if (forms) {
                    seen.put(HookId.of(HookPoint.FORMS, i), "layer_out." + i);
                    continue;
                }
                seen.put(HookId.of(HookPoint.RESID_POST, i), "layer_out." + i);
                if (between(spec) == HookPoint.RESID_PRE)
                    seen.put(HookId.of(HookPoint.RESID_PRE, i), "hidden_states." + i);
            }
            int[] ids = g.ids("input_ids");
            try (Session session = g.engine.begin(
                    new SessionRequest(ids.length, new TreeSet<>(seen.keySet()), List.of(), List.of()))) {
                assertThat(session.form()).isEqualTo("fused");
                session.append(ids);
                Capture capture = session.capture();
                seen.forEach((hook, name) -> assertThat(Golden.maxAbsDiff(
                                (hook.point() == HookPoint.FORMS ? formsFirst(capture.get(hook)) : capture.get(hook))
                                        .toFloats(),
                                g.values(name)))
                        .as(g + " " + name)
                        .isLessThanOrEqualTo(g.tolerance(name.replaceAll("\\.[0-9]+$", ""))));
            }
        }
    }

    private static void greedy(Path dir, Kind kind, boolean hooked) {
        try (Golden g = new Golden(dir, kind)) {
            int[] prompt = g.ids("input_ids");
            int[] greedy = g.ids("greedy_ids");
            float[] reference = g.values("greedy_logits");
            int vocab = g.engine.spec().vocab();
            TreeSet<HookId> hooks = new TreeSet<>();
            HookPoint inside =
                    HookPresence.of(HookPoint.MLP_OUT, g.engine.spec(), 0) ? HookPoint.MLP_OUT : HookPoint.SSM_OUT;
            if (hooked) hooks.add(HookId.of(inside, 0));
            int positions = prompt.length + greedy.length;
            try (Session session = g.engine.begin(new SessionRequest(positions, hooks, List.of(), List.of()))) {
                if (kind.torch()) assertThat(session.form()).isEqualTo(hooked ? "hooked" : "fused");
                float[] logits = session.append(prompt);
                for (int step = 0; step < greedy.length; step++) {
                    float[] expected = java.util.Arrays.copyOfRange(reference, step * vocab, (step + 1) * vocab);
                    assertThat(Golden.maxAbsDiff(logits, expected))
                            .as(g + " logits of step " + step)
                            .isLessThanOrEqualTo(g.tolerance("greedy_logits"));
                    assertThat(argmax(logits)).as("token " + step).isEqualTo(greedy[step]);
                    if (step + 1 < greedy.length) logits = session.append(new int[] {greedy[step]});
                }
            }
        }
    }

    private static void ablation(Path dir, Kind kind) {
        try (Golden g = new Golden(dir, kind)) {
            int layer = g.info.path("ablate").path("layer").asInt();
            int head = g.info.path("ablate").path("head").asInt();
            Intervention zero = new Intervention(
                    HookId.of(HookPoint.Z, layer).name(),
                    Intervention.Op.ZERO,
                    List.of(head),
                    null,
                    null,
                    null,
                    null,
                    null,
                    null);
            int[] ids = g.ids("input_ids");
            HookId logits = HookId.of(HookPoint.LOGITS);
            try (Session session = g.engine.begin(
                    new SessionRequest(ids.length, new TreeSet<>(List.of(logits)), List.of(zero), List.of(Map.of())))) {
                session.append(ids);
                assertThat(Golden.maxAbsDiff(session.capture().get(logits).toFloats(), g.values("ablate.logits")))
                        .isLessThanOrEqualTo(g.tolerance("ablate.logits"));
            }
        }
    }

    /** What ln1 puts out. */
    private static Tensor normed(Golden g, Capture capture, int layer) {
        Tensor x = capture.get(HookId.of(HookPoint.LN1_NORMALIZED, layer));
        float[] w = g.weights.get("blocks." + layer + ".ln1.weight").toFloats();
        float[] bias = g.weights.get("blocks." + layer + ".ln1.bias").toFloats();
        float[] out = x.toFloats();
        for (int i = 0; i < out.length; i++) out[i] = out[i] * w[i % w.length] + bias[i % w.length];
        return Tensor.of(out, x.shape());
    }

    /** x [1, pos, ...] times the canonical weight [d_model, in], plus the bias where there is one. */
    private static Tensor projected(Golden g, Tensor x, String name) {
        float[] w = g.weights.get(name + ".weight").toFloats();
        float[] bias = g.weights.has(name + ".bias")
                ? g.weights.get(name + ".bias").toFloats()
                : new float[(int) g.weights.shape(name + ".weight")[0]];
        int n = (int) x.shape()[1];
        int in = w.length / bias.length;
        float[] out = new float[n * bias.length];
        for (int i = 0; i < out.length; i++) {
            double sum = bias[i % bias.length];
            for (int k = 0; k < in; k++) {
                sum += x.get((long) (i / bias.length) * in + k) * w[i % bias.length * in + k];
            }
            out[i] = (float) sum;
        }
        return Tensor.of(out, 1, n, bias.length);
    }

    private static float[] logProbs(Tensor logits, int[] ids) {
        int vocab = (int) logits.shape()[2];
        float[] out = new float[ids.length - 1];
        for (int p = 0; p < out.length; p++) {
            double max = Double.NEGATIVE_INFINITY;
            for (int v = 0; v < vocab; v++) max = Math.max(max, logits.get((long) p * vocab + v));
            double sum = 0;
            for (int v = 0; v < vocab; v++) sum += Math.exp(logits.get((long) p * vocab + v) - max);
            out[p] = (float) (logits.get((long) p * vocab + ids[p + 1]) - max - Math.log(sum));
        }
        return out;
    }

    static int argmax(float[] x) {
        int best = 0;
        for (int i = 1; i < x.length; i++) if (x[i] > x[best]) best = i;
        return best;
    }
}
