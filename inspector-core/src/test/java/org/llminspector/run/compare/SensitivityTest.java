package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.analysis.RankCorrelation;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureMemory;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.PrecisionPlan.Part;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.request.SensitivityRequest;
import org.llminspector.run.request.SensitivityRequest.By;
import org.llminspector.run.request.SensitivityRequest.Direction;
import org.llminspector.run.store.ComparedToken;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Sensitivity;

/** What modules are worth, on a tiny real model: every number is that of a comparison made for it alone. */
class SensitivityTest {

    private static final String TEXT = "Once upon a time there was a little cat. ".repeat(4);
    private static final long PLENTY = 1L << 40;

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 8L << 20);
    }

    @Test
    void eachModuleIsWorthWhatAComparisonOfItAloneSays() {
        Sensitivity s = ask(Precision.INT4_32, Direction.RESTORE, By.MODULE, null);
        assertThat(s.plan()).isNull();
        assertThat(s.options().tokens()).isEqualTo(31);
        assertThat(s.modules()).hasSize(2 * 4 + 1);
        double whole = kld(new PrecisionPlan(Precision.INT4_32, null, null));
        assertThat(s.start().meanKld().value()).isEqualTo(whole).isPositive();
        List<String> byHand = new ArrayList<>();
        List<Double> worth = new ArrayList<>();
        for (Sensitivity.Module m : s.modules()) {
            String glob = m.matrices().size() == 1 ? m.module() : m.module() + ".*";
            double alone =
                    kld(new PrecisionPlan(Precision.INT4_32, null, List.of(new Part(glob, Precision.FP32, null))));
            assertThat(m.kld().value()).as(m.module()).isEqualTo(alone);
            assertThat(m.effect().value()).as(m.module()).isCloseTo(whole - alone, within(1e-12));
            assertThat(m.bytes()).as(m.module()).isPositive();
            byHand.add(m.module());
            worth.add((whole - alone) / m.bytes());
        }
        assertThat(worth).isSortedAccordingTo(Comparator.reverseOrder());
        assertThat(byHand).doesNotHaveDuplicates();
        assertThat(s.startBytes()
                        + s.modules().stream()
                                .mapToLong(Sensitivity.Module::bytes)
                                .sum())
                .isEqualTo(s.endBytes());
        assertThat(ask(Precision.INT4_32, Direction.RESTORE, By.MODULE, null)).isEqualTo(s);
    }

    @Test
    void withEverythingRestoredNothingIsLost() {
        Sensitivity s = ask(Precision.INT8, Direction.RESTORE, By.MATRIX, PLENTY);
        assertThat(s.modules()).hasSize(4 * 7 + 1);
        List<String> harmless = s.modules().stream()
                .filter(m -> m.effect().value() <= 0)
                .map(Sensitivity.Module::module)
                .toList();
        assertThat(s.plan().modules()).hasSize(29 - harmless.size());
        Sensitivity whole = ask(Precision.INT8, Direction.RESTORE, By.LAYER, PLENTY);
        assertThat(whole.plan().modules()).containsExactly("blocks.0", "blocks.1", "blocks.2", "blocks.3", "unembed");
        assertThat(whole.plan().measures().meanKld().value()).isZero();
        assertThat(whole.plan().measures().pplRatio().value()).isEqualTo(1);
        assertThat(whole.plan().bytes()).isEqualTo(whole.endBytes());
        assertThat(whole.plan().precisionPlan().overrides()).hasSize(5);
    }

    @Test
    void aPlanKeepsItsBudgetAndIsMeasured() {
        Sensitivity all = ask(Precision.INT4_32, Direction.RESTORE, By.MATRIX, null);
        long budget = (all.startBytes() + all.endBytes()) / 2;
        Sensitivity s = ask(Precision.INT4_32, Direction.RESTORE, By.MATRIX, budget);
        assertThat(s.plan().bytes()).isLessThanOrEqualTo(budget).isGreaterThan(s.startBytes());
        assertThat(s.plan().modules()).isNotEmpty().hasSizeLessThan(29);
        assertThat(s.plan().measures().meanKld().value())
                .isEqualTo(kld(s.plan().precisionPlan()))
                .isLessThan(s.start().meanKld().value());
        Sensitivity low = ask(Precision.INT4_32, Direction.LOWER, By.MATRIX, budget);
        assertThat(low.start().meanKld().value()).isZero();
        assertThat(low.startBytes()).isEqualTo(s.endBytes());
        assertThat(low.plan().bytes()).isLessThanOrEqualTo(budget).isGreaterThan(low.endBytes());
        assertThat(low.plan().measures().meanKld().value())
                .isEqualTo(kld(low.plan().precisionPlan()))
                .isPositive();
        assertThat(low.modules()).allSatisfy(m -> assertThat(m.effect().value()).isPositive());
    }

    @Test
    void someModulesOnlyAndOverThePrompt() {
        ComparisonManifest m = inspector
                .comparisons()
                .compare(
                        request(
                                side(Precision.FP32, null, "the little cat"),
                                side(Precision.INT8_WEIGHT, null, null),
                                null,
                                new SensitivityRequest(null, null, List.of("blocks.1.attn.q", "unembed"), null, null)),
                        ComparisonListener.NONE);
        assertThat(m.sensitivity().modules())
                .extracting(Sensitivity.Module::module)
                .containsExactlyInAnyOrder("blocks.1.attn", "unembed");
        assertThat(m.sensitivity().options().tokens()).isNull();
        assertThat(m.sensitivity().start().meanKld()).isEqualTo(m.prompt().meanKld());
        assertThat(inspector.comparisons().manifest(m.id())).isEqualTo(m);
    }

    @Test
    void onePassBackwardsSaysWhatPlainPyTorchSays() {
        JsonNode golden = Json.readObject(Path.of("src/test/resources/fisher.json"));
        List<Integer> tokens = new ArrayList<>();
        golden.path("tokens").forEach(t -> tokens.add(t.asInt()));
        RunRequest a = side(Precision.FP32, null, null).toBuilder()
                .model("llama")
                .tokens(tokens)
                .build();
        SensitivityRequest asked = new SensitivityRequest(Direction.LOWER, By.MATRIX, null, null, null);
        Sensitivity s = inspector
                .comparisons()
                .compare(request(a, side(Precision.FP16, null, null), null, asked), ComparisonListener.NONE)
                .sensitivity();
        assertThat(s.modules()).hasSize(golden.path("matrices").size());
        for (Sensitivity.Module m : s.modules()) {
            double torch = golden.path("matrices").path(m.module()).asDouble();
            assertThat(m.predicted()).as(m.module()).isCloseTo(torch, withinPercentage(1));
        }
        assertThat(s.rankCorrelation())
                .isEqualTo(RankCorrelation.spearman(
                        s.modules().stream()
                                .mapToDouble(m -> m.effect().value())
                                .toArray(),
                        s.modules().stream()
                                .mapToDouble(Sensitivity.Module::predicted)
                                .toArray()))
                .isGreaterThan(0.5);
    }

    /** Whatever is one module, and however many layers fit the budget at once; and nothing of it depends on the direction. */
    @Test
    void whatIsPredictedAddsUp() {
        double[] sums = new double[3];
        for (By by : By.values()) {
            Sensitivity s = ask(Precision.INT4_32, by == By.LAYER ? Direction.LOWER : Direction.RESTORE, by, null);
            assertThat(s.predictedWhy()).isNull();
            assertThat(s.rankCorrelation()).isBetween(-1.0, 1.0);
            sums[by.ordinal()] = s.modules().stream()
                    .mapToDouble(Sensitivity.Module::predicted)
                    .sum();
        }
        assertThat(sums[0]).isPositive().isCloseTo(sums[1], withinPercentage(1e-6));
        assertThat(sums[2]).isCloseTo(sums[1], withinPercentage(1e-6));
        inspector.close();
        inspector = TextModel.open(temp, 400_000); // a layer at a time
        Sensitivity tight = ask(Precision.INT4_32, Direction.RESTORE, By.MODULE, null);
        double sum = tight.modules().stream()
                .mapToDouble(Sensitivity.Module::predicted)
                .sum();
        assertThat(sum).isCloseTo(sums[1], withinPercentage(1e-3));
    }

    @Test
    void whatIsNotPredictedSaysWhy() {
        Intervention halved = InterventionBuilder.builder()
                .hook("blocks.0.hook_mlp_out")
                .op(Intervention.Op.SCALE)
                .value(0.5)
                .build();
        RunRequest changed = side(Precision.FP32, null, null).toBuilder()
                .interventions(List.of(halved))
                .build();
        SensitivityRequest asked = new SensitivityRequest(null, By.LAYER, null, null, null);
        Sensitivity s = inspector
                .comparisons()
                .compare(request(changed, side(Precision.INT8, null, null), TEXT, asked), ComparisonListener.NONE)
                .sensitivity();
        assertThat(s.predictedWhy()).contains("changed by interventions");
        assertThat(s.rankCorrelation()).isNull();
        assertThat(s.modules()).hasSize(5).allSatisfy(m -> assertThat(m.predicted())
                .isNull());
    }

    @Test
    void aPlanIsWrittenForOtherTools() {
        // Nothing need be lowered: all stays high.
        SensitivityRequest all = new SensitivityRequest(Direction.LOWER, By.LAYER, null, PLENTY, null);
        Sensitivity.Export llama = export("tiny-text", Precision.INT8_WEIGHT, all);
        assertThat(llama.llmCompressorIgnore())
                .hasSize(4 * 7 + 1)
                .contains("model.layers.1.self_attn.o_proj", "model.layers.1.mlp.down_proj", "lm_head");
        assertThat(llama.llamaQuantize())
                .hasSize(2 * (4 * 7 + 1))
                .contains(
                        "^blk\\.1\\.attn_output\\.weight$=f32",
                        "^blk\\.1\\.ffn_down\\.weight$=f32",
                        "^output\\.weight$=f32");
        for (int i = 0; i < llama.llamaQuantize().size(); i += 2) {
            assertThat(llama.llamaQuantize().get(i)).isEqualTo("--tensor-type");
        }
        // Fused in its files, and the unembedding is the embedding.
        Sensitivity.Export gpt2 = export("gpt2", Precision.INT4_32, all);
        assertThat(gpt2.llmCompressorIgnore())
                .startsWith(
                        "transformer.h.0.attn.c_attn",
                        "transformer.h.0.attn.c_proj",
                        "transformer.h.0.mlp.c_fc",
                        "transformer.h.0.mlp.c_proj")
                .endsWith("lm_head");
        assertThat(gpt2.llamaQuantize())
                .hasSize(2 * gpt2.llmCompressorIgnore().size())
                .containsSubsequence(
                        "^blk\\.0\\.attn_qkv\\.weight$=f32",
                        "^blk\\.0\\.attn_output\\.weight$=f32",
                        "^blk\\.0\\.ffn_up\\.weight$=f32",
                        "^blk\\.0\\.ffn_down\\.weight$=f32",
                        "^token_embd\\.weight$=f32");
        // All lowered: nothing is kept.
        long least = ask(Precision.INT4_32, Direction.RESTORE, By.LAYER, null).startBytes();
        assertThat(ask(Precision.INT4_32, Direction.RESTORE, By.LAYER, least)
                        .plan()
                        .export())
                .isEqualTo(new Sensitivity.Export(List.of(), List.of()));
    }

    private Sensitivity.Export export(String model, Precision low, SensitivityRequest asked) {
        RunRequest a = side(Precision.FP32, null, null).toBuilder()
                .model(model)
                .tokens(List.of(1, 17, 93, 5, 240, 61))
                .build();
        return inspector
                .comparisons()
                .compare(request(a, side(low, null, null), null, asked), ComparisonListener.NONE)
                .sensitivity()
                .plan()
                .export();
    }

    @Test
    void whatCannotBeAskedIsRefusedByName() {
        refused("no module", Precision.INT8, new SensitivityRequest(null, null, List.of("blocks.9.*"), null, null));
        refused("same precision", Precision.FP32, new SensitivityRequest(null, null, null, null, null));
        refused("fits the budget", Precision.INT8, new SensitivityRequest(null, null, null, 100L, null));
        refused("fits the budget", Precision.INT8, new SensitivityRequest(Direction.LOWER, null, null, 100L, null));
        refused("out of range", Precision.INT8, new SensitivityRequest(null, null, null, null, 1));
        RunRequest torch =
                RunRequest.builder().engine("torch").precision(Precision.FP16).build();
        assertThatThrownBy(() -> compare(torch, new SensitivityRequest(null, null, null, null, null)))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("one precision for all modules");
        RunRequest other =
                side(Precision.INT8, null, null).toBuilder().model("gpt2").build();
        assertThatThrownBy(() -> compare(other, new SensitivityRequest(null, null, null, null, null)))
                .isInstanceOf(Problem.class);
    }

    @Test
    void itTellsHowFarItIsAndCanBeCancelled() {
        List<ComparisonListener.Progress> heard = new ArrayList<>();
        AtomicBoolean cancel = new AtomicBoolean();
        ComparisonListener listener = new ComparisonListener() {
            @Override
            public void progress(Progress p) {
                if (!p.phase().equals("sensitivity")) return;
                heard.add(p);
                if (p.done() == 5) cancel.set(true);
            }

            @Override
            public boolean cancelled() {
                return cancel.get();
            }
        };
        SensitivityRequest asked = new SensitivityRequest(null, null, null, PLENTY, null);
        long lent = CaptureMemory.lentBytes();
        ComparisonRequest request =
                request(side(Precision.FP32, null, null), side(Precision.INT8, null, null), TEXT, asked);
        assertThatThrownBy(() -> inspector.comparisons().compare(request, listener))
                .hasMessageContaining("cancelled");
        assertThat(inspector.comparisons().list(10, null)).isEmpty();
        assertThat(CaptureMemory.lentBytes()).isLessThanOrEqualTo(lent);
        assertThat(heard).extracting(ComparisonListener.Progress::done).isSorted();
        assertThat(heard).allSatisfy(p -> assertThat(p.total()).isEqualTo(3 + 9 + 1));
        assertThat(heard.get(heard.size() - 1).note()).contains("restored to fp32");
    }

    private void refused(String why, Precision b, SensitivityRequest asked) {
        assertThatThrownBy(() -> compare(side(b, null, null), asked))
                .isInstanceOf(Problem.class)
                .hasMessageContaining(why);
    }

    private Sensitivity ask(Precision b, Direction direction, By by, Long budget) {
        return compare(side(b, null, null), new SensitivityRequest(direction, by, null, budget, null));
    }

    private Sensitivity compare(RunRequest b, SensitivityRequest asked) {
        ComparisonRequest request = request(side(Precision.FP32, null, null), b, TEXT, asked);
        return inspector.comparisons().compare(request, ComparisonListener.NONE).sensitivity();
    }

    /** KL(A || this plan) over what a sensitivity reads, in a comparison of its own. */
    private double kld(PrecisionPlan plan) {
        ComparisonRequest request = request(side(Precision.FP32, null, null), side(null, plan, null), TEXT, null);
        ComparisonManifest m = inspector.comparisons().compare(request, ComparisonListener.NONE);
        return inspector.comparisons().tokens(m.id(), Comparisons.Part.TEXT, 0, 31).stream()
                .mapToDouble(ComparedToken::kl)
                .average()
                .orElseThrow();
    }

    private static ComparisonRequest request(RunRequest a, RunRequest b, String text, SensitivityRequest asked) {
        ComparisonRequest.Options options =
                new ComparisonRequest.Options(null, false, null, 32, null, false, null, null);
        return new ComparisonRequest(a, b, text, null, options, asked, null);
    }

    private static RunRequest side(Precision precision, PrecisionPlan plan, String prompt) {
        return RunRequest.builder()
                .engine("onnx")
                .precision(precision)
                .precisionPlan(plan)
                .prompt(prompt)
                .build();
    }
}
