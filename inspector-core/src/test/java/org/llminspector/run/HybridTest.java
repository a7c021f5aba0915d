package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.analysis.HeadProfile;
import org.llminspector.analysis.WeightedSum;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.Part;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.generate.GenerateOptions;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.inspect.cost.Timelines;
import org.llminspector.run.inspect.heads.LogitAttribution;
import org.llminspector.run.inspect.neurons.Neurons;
import org.llminspector.run.request.Branch;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.RunRequestBuilder;
import org.llminspector.run.store.RunManifest;

/** Analyses of a model of which some layers have heads and others a short convolution: layers 1 and 3, and 0 and 2. */
class HybridTest {

    private static final String MODEL = "lfm2";
    private static final List<Integer> TOKENS = List.of(5, 9, 17, 3, 9, 17, 40);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    private RunRequestBuilder request() {
        return RunRequest.builder().model(MODEL).device("cpu").tokens(TOKENS);
    }

    private RunManifest run(String... capture) {
        return inspector.runs().run(request().capture(List.of(capture)).build(), RunListener.NONE);
    }

    @Test
    void whatConvolutionsAddIsAPartOfTheLogit() {
        RunManifest run = run("logits");
        LogitAttribution.Effects e = inspector.analyses().attribution().effects(run.id(), 4, 6, null);
        Tensor logits = inspector.runs().stored().capture(run.id(), HookId.of(HookPoint.LOGITS));
        assertThat(e.sum()).isCloseTo(logits.get(4 * logits.shape()[2] + 6), within(2e-4));
        assertThat(e.parts().stream()
                        .filter(p -> p.part() == LogitAttribution.Kind.CONV)
                        .map(LogitAttribution.Part::layer))
                .containsExactly(0, 2);
        assertThat(e.parts().stream()
                        .filter(p -> p.part() == LogitAttribution.Kind.HEAD)
                        .map(LogitAttribution.Part::layer))
                .containsExactly(1, 1, 1, 1, 3, 3, 3, 3);
        assertThat(e.parts().stream().filter(p -> p.part() == LogitAttribution.Kind.CONV))
                .allSatisfy(p -> assertThat(p.effect()).isNotZero());
    }

    @Test
    void headsAreThoseOfTheLayersThatHaveThem() {
        RunManifest run = run("logits");
        assertThat(inspector.analyses().heads().profiles(run.id()).heads().stream()
                        .map(HeadProfile::layer))
                .containsExactly(1, 1, 1, 1, 3, 3, 3, 3);
        assertThat(inspector.analyses().heads().thumbnails(run.id(), 4).shape()).containsExactly(2, 4, 4, 4);
        assertThat(inspector
                        .analyses()
                        .heads()
                        .repeated(MODEL, null, PrecisionPlan.of(Precision.FP32), 1, 5)
                        .heads())
                .hasSize(8);
        assertThat(inspector.analyses().circuits().compositions(MODEL, 3, 0).from())
                .hasSize(4);
        assertThat(inspector.analyses().positions().schemes(MODEL, null, 4).schemes())
                .singleElement()
                .satisfies(s -> assertThat(s.layers()).containsExactly(1, 3));
        refused(() -> inspector.analyses().circuits().compositions(MODEL, 2, 0));
        refused(() -> inspector.analyses().circuits().circuits(MODEL, 0, 0, 1, List.of(), false, 3));
    }

    private static void refused(Supplier<?> asked) {
        assertThatThrownBy(asked::get)
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no heads of attention")
                .hasMessageContaining("[1, 3]");
    }

    @Test
    void aNeuronsSumIsOfConvolutionsToo() {
        RunManifest run = run("logits");
        Neurons.Neuron neuron = inspector.analyses().neurons().neuron(run.id(), 3, 5, 4, null, 8, 8);
        List<String> parts = neuron.sums().get(0).sum().sources().stream()
                .map(WeightedSum.Source::hook)
                .toList();
        assertThat(parts)
                .contains("blocks.0.hook_conv_out", "blocks.1.hook_attn_out", "blocks.2.hook_conv_out")
                .doesNotContain("blocks.0.hook_attn_out");
    }

    @Test
    void theirPartsAreCountedAndTimed() {
        Costs.Cost cost = inspector.analyses().costs().cost(request().build(), 20, 1, null);
        long d = 64;
        Map<Part, Long> flops = cost.parts().stream()
                .filter(p -> p.layer() != null && p.layer() == 2)
                .collect(Collectors.toMap(p -> p.part(), p -> p.flops()));
        assertThat(flops)
                .containsEntry(Part.CONV_IN, 6 * d * d)
                .containsEntry(Part.CONV, 2 * 3 * d)
                .containsEntry(Part.CONV_OUT, 2 * d * d)
                .doesNotContainKey(Part.QKV);
        Costs.LayerCache conv = cost.cache().get(0);
        assertThat(conv.nHeads()).isNull();
        assertThat(conv.keptBytes()).isZero();
        assertThat(conv.convPast()).isEqualTo(2);
        assertThat(conv.convStateBytes()).isEqualTo(2 * d * 4);
        assertThat(cost.cache().get(1).convStateBytes()).isNull();
        assertThat(cost.cache().get(1).keptBytes()).isEqualTo(21 * 2 * 2 * 16 * 4);
        Timelines.Timeline timeline =
                inspector.analyses().timelines().timeline(request().build(), 4, 2);
        assertThat(timeline.decode().parts().stream().filter(p -> p.layer() != null && p.layer() == 0))
                .extracting(Timelines.TimedPart::part)
                .contains(Part.CONV_IN, Part.CONV, Part.CONV_OUT)
                .doesNotContain(Part.QKV, Part.O);
    }

    /** Only the last position's state is cached: a branch there continues from it, an earlier one recomputes. */
    @Test
    void aBranchSaysWhatTheWholeWouldSay() {
        RunManifest whole = inspector
                .runs()
                .run(request().capture(List.of()).generate(greedy(3)).build(), RunListener.NONE);
        for (int position : new int[] {4, TOKENS.size()}) {
            RunManifest branch = inspector
                    .runs()
                    .run(
                            RunRequest.builder()
                                    .branch(new Branch(whole.id(), position, null, null))
                                    .capture(List.of())
                                    .generate(greedy(5))
                                    .build(),
                            RunListener.NONE);
            RunManifest again = inspector
                    .runs()
                    .run(
                            request()
                                    .tokens(TOKENS.subList(0, position))
                                    .capture(List.of())
                                    .generate(branch.request().generate())
                                    .build(),
                            RunListener.NONE);
            assertThat(branch.tokens()).isEqualTo(again.tokens());
        }
    }

    private static GenerateOptions greedy(int tokens) {
        return new GenerateOptions(tokens, true, null, null, null, null, null, null, null, null, true, null, null);
    }
}
