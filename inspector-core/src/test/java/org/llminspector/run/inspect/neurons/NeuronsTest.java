package org.llminspector.run.inspect.neurons;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;
import static org.llminspector.run.Requests.prompt;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.analysis.NeuronFunctions;
import org.llminspector.analysis.WeightedSum;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.Requests;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.spec.Activation;

/** Neurons of tiny real models, one of every family. */
public class NeuronsTest {

    private static final List<Integer> TOKENS = List.of(5, 9, 2, 7, 11, 3);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    static Stream<String> models() {
        // and those with a factor on what they add, norms without weights, a learned activation, or whose unembedding
        // has a bias
        // or a factor
        return Stream.concat(
                Golden.in(Golden.ROOT).stream().map(d -> d.getFileName().toString()),
                Stream.of("phi", "cohere", "granite", "olmo", "bloom", "mpt", "apertus", "gemma4_wide"));
    }

    private RunManifest run(RunRequestBuilder request) {
        return inspector.runs().run(request.build(), RunListener.NONE);
    }

    private float value(String run, String hook, int pos, int feature) {
        Tensor t = inspector.runs().stored().capture(run, HookId.parse(hook)); // [1, pos, feature]
        return (float) t.get(pos * t.shape()[2] + feature);
    }

    /** Contributions sum to z, twice over; z makes the activation; effect and rest are the logit. */
    @ParameterizedTest
    @MethodSource("models")
    void everythingAddsUp(String model) {
        for (String engine : List.of("torch", "onnx")) {
            RunManifest run = run(RunRequest.builder()
                    .model(model)
                    .engine(engine)
                    .tokens(TOKENS)
                    .capture(List.of("blocks.*.mlp.*", "logits", "blocks.*.hook_mlp_out")));
            int layers = run.model().nLayers();
            for (int layer : new int[] {0, layers - 1}) {
                Neurons.Neuron n = inspector.analyses().neurons().neuron(run.id(), layer, 3, 4, null, 5, 5);
                assertThat(n.sums()).hasSize(n.gated() ? 2 : 1);
                for (Neurons.NamedSum sum : n.sums()) {
                    float z = value(run.id(), sum.hook(), 4, 3);
                    WeightedSum s = sum.sum();
                    double scale = 1 + Math.abs(z);
                    assertThat(s.z()).as(sum.hook()).isCloseTo(z, within(1e-5 * scale));
                    double inputs = s.inputs().stream()
                            .mapToDouble(WeightedSum.Input::contribution)
                            .sum();
                    assertThat(s.bias() + inputs + s.others()).isCloseTo(s.z(), within(1e-9 * scale));
                    double sources = s.sources().stream()
                            .mapToDouble(WeightedSum.Source::contribution)
                            .sum();
                    assertThat(s.constant() + sources).isCloseTo(z, within(1e-5 * scale));
                    assertThat(s.inputs()).hasSize(5);
                }
                double second = n.gated() ? n.sums().get(1).sum().z() : 1;
                assertThat(n.activation() * second).isCloseTo(n.post(), within(1e-5 * (1 + Math.abs(n.post()))));
                double logit = n.effect().logit();
                Float cap = n.effect().softcap();
                float told = value(run.id(), "logits", 4, n.effect().id());
                assertThat(cap == null ? logit : cap * Math.tanh(logit / cap))
                        .isCloseTo(told, within(2e-5 * (1 + Math.abs(told))));
                assertThat(n.raised().get(0).effect())
                        .isGreaterThanOrEqualTo(n.lowered().get(0).effect());
                int id = n.raised().get(0).id();
                Neurons.TokenEffect own = inspector
                        .analyses()
                        .neurons()
                        .neuron(run.id(), layer, 3, 4, id, 1, 1)
                        .effect();
                assertThat(own.effect())
                        .isCloseTo(n.raised().get(0).effect(), within(1e-5 * (1 + Math.abs(own.effect()))));
            }
        }
    }

    /** What all neurons together make is the whole output; the strongest of the last block, silenced, change the logits by their effects. */
    @ParameterizedTest
    @MethodSource("models")
    void strongestNeuronsMakeTheOutput(String model) {
        RunManifest run = run(RunRequest.builder()
                .model(model)
                .tokens(TOKENS)
                .capture(List.of("blocks.*.mlp.hook_post", "blocks.*.hook_mlp_out")));
        int last = run.model().nLayers() - 1;
        int neurons = inspector
                .models()
                .details(model)
                .spec()
                .layers()
                .get(last)
                .mlp()
                .dMlp();
        FeedForwards.FeedForward f = inspector.analyses().feedForwards().feedForward(run.id(), last, -1, neurons);
        assertThat(f.neurons()).isEqualTo(neurons);
        assertThat(f.strongest()).hasSize(neurons);
        assertThat(f.strongest().get(neurons - 1).share()).isBetween(0.9, 1 + 1e-4);
        for (int i = 1; i < neurons; i++) {
            assertThat(f.strongest().get(i).strength())
                    .isLessThanOrEqualTo(f.strongest().get(i - 1).strength());
        }
        FeedForwards.Strong first = f.strongest().get(0);
        assertThat(first.activation())
                .isCloseTo(value(run.id(), "blocks." + last + ".mlp.hook_post", f.pos(), first.neuron()), within(1e-6));
        assertThat(inspector
                        .analyses()
                        .neurons()
                        .neuron(run.id(), last, first.neuron(), -1, null, 1, 1)
                        .post())
                .isCloseTo(first.activation(), within(1e-6));
        assertThat(f.ratio()).isPositive();
        assertThat(f.cosine()).isBetween(-1.0, 1.0 + 1e-9);
        // Several at once.
        List<Integer> strongest =
                f.strongest().stream().limit(3).map(FeedForwards.Strong::neuron).toList();
        RunManifest silent = run(RunRequest.builder()
                .model(model)
                .tokens(TOKENS)
                .capture(List.of("blocks.*.mlp.hook_post"))
                .interventions(List.of(new Intervention(
                        "blocks." + last + ".mlp.hook_post",
                        Intervention.Op.ZERO,
                        null,
                        null,
                        null,
                        strongest,
                        null,
                        null,
                        null))));
        for (int n : strongest) {
            assertThat(value(silent.id(), "blocks." + last + ".mlp.hook_post", f.pos(), n))
                    .isZero();
        }
    }

    @Test
    void aTextsActivationsAreItsRuns() {
        String text = "Once upon a time there was a small machine. ".repeat(40);
        NeuronActivations.Activations a = inspector
                .analyses()
                .activations()
                .activations("tiny-text", null, PrecisionPlan.of(Precision.FP32), 1, 6, text, 4, 2);
        assertThat(a.tokens()).isGreaterThan(a.window());
        assertThat(a.values()).hasSize(a.tokens());
        List<Integer> ids = inspector.models().tokenizer("tiny-text").encode(text, true).stream()
                .limit(a.window())
                .map(t -> t.id())
                .toList();
        RunManifest first = run(RunRequest.builder().tokens(ids).capture(List.of("blocks.1.mlp.hook_post")));
        for (int i = 0; i < ids.size(); i++) {
            assertThat(a.values().get(i)).isCloseTo(value(first.id(), "blocks.1.mlp.hook_post", i, 6), within(1e-5f));
        }
        NeuronActivations.Place strongest = a.highest().get(0);
        assertThat(strongest.activation()).isEqualTo(a.max());
        assertThat(a.values().get(strongest.position())).isEqualTo((float) a.max());
        assertThat(strongest.context().get(strongest.at()).activation()).isEqualTo(a.max());
        assertThat(a.lowest()).allMatch(p -> p.activation() < 0);
    }

    @Test
    void whatIsNotThereIsRefused() throws Exception {
        RunManifest run = run(prompt("Once upon a time"));
        refuses(() -> inspector.analyses().neurons().neuron(run.id(), 99, 0, null, null, 1, 1), "layer");
        refuses(() -> inspector.analyses().neurons().neuron(run.id(), 0, 9_999, null, null, 1, 1), "neuron");
        refuses(() -> inspector.analyses().neurons().neuron(run.id(), 0, 0, null, 9_999, 1, 1), "token");
        RunManifest normed =
                run(RunRequest.builder().model("opt_postnorm").tokens(TOKENS).capture(List.of()));
        refuses(
                () -> inspector.analyses().neurons().neuron(normed.id(), 0, 0, null, null, 1, 1),
                "layers, stream_norms");
        refuses(
                () -> inspector.analyses().attribution().effects(normed.id(), null, null, null),
                "layers, stream_norms");
        refuses(() -> inspector.analyses().circuits().compositions("opt_postnorm", 1, 0), "layers, stream_norms");
        Path exported = Files.createDirectories(temp.resolve("exported"));
        Path graph = Path.of("src/test/resources/golden/onnx/llama");
        try (Stream<Path> files = Files.list(graph)) {
            for (Path f : files.toList()) Files.copy(f, exported.resolve(f.getFileName()));
        }
        try (Inspector other =
                Inspector.open(new InspectorConfig(List.of(), exported, temp.resolve("other"), 1 << 30, 1 << 30, 4))) {
            RunManifest on = other.runs().run(Requests.tokens(5, 6, 7).build(), RunListener.NONE);
            Problem p = catchThrowableOfType(
                    Problem.class, () -> other.analyses().neurons().neuron(on.id(), 0, 0, null, null, 1, 1));
            assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED);
            assertThat(p.instead()).contains("safetensors");
        }
    }

    private static void refuses(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String where) {
        Problem p = catchThrowableOfType(Problem.class, call);
        assertThat(p.where()).isEqualTo(where);
    }

    /** Against values of PyTorch's float64. */
    @Test
    void nonLinearities() {
        TreeMap<Activation, double[]> expected = new TreeMap<>();
        expected.put(Activation.RELU, new double[] {0, 0, 1.25});
        expected.put(Activation.RELU_SQUARED, new double[] {0, 0, 1.5625});
        expected.put(Activation.GELU, new double[] {-0.00404969409489031, -0.15426876936299344, 1.117937782916431});
        expected.put(Activation.SILU, new double[] {-0.14227761953270035, -0.1887703343990727, 0.9716248264683639});
        double[] at = {-3, -0.5, 1.25};
        expected.forEach((function, values) -> {
            for (int i = 0; i < at.length; i++) {
                assertThat(NeuronFunctions.of(function, at[i]))
                        .as(function + " of " + at[i])
                        .isCloseTo(values[i], within(1e-12));
            }
        });
        assertThat(NeuronFunctions.of(Activation.GELU_TANH, 1.25))
                .isCloseTo(NeuronFunctions.of(Activation.GELU, 1.25), within(2e-3));
        assertThat(NeuronFunctions.of(Activation.GELU, 9)).isCloseTo(9, within(1e-12));
        NeuronFunctions.Xielu xielu = new NeuronFunctions.Xielu(0.8, 1.3, 0.5, -1e-6);
        double[] bent = {1.1647231888782232, -0.11151014237357654, 1.875}; // slow to cut: far below 0 it rises again
        for (int i = 0; i < at.length; i++) assertThat(xielu.of(at[i])).isCloseTo(bent[i], within(1e-12));
    }
}
