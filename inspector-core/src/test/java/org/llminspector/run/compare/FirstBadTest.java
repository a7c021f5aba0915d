package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hook.HookId;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequest.Floor;
import org.llminspector.run.request.ComparisonRequestOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;

/** A fault planted in one matrix is named; what is only noise is not. */
class FirstBadTest {

    private static final String TEXT = "Once upon a time there was a little cat. ".repeat(4);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 8L << 20);
    }

    @ParameterizedTest
    @CsvSource({
        "embed, hook_embed",
        "blocks.0.attn.q, blocks.0.attn.hook_q",
        "blocks.1.attn.k, blocks.1.attn.hook_k",
        "blocks.2.attn.v, blocks.2.attn.hook_v",
        "blocks.3.attn.o, blocks.3.hook_attn_out",
        "blocks.0.mlp.gate, blocks.0.mlp.hook_pre",
        "blocks.1.mlp.in, blocks.1.mlp.hook_pre_linear",
        "blocks.2.mlp.out, blocks.2.hook_mlp_out",
        "unembed, logits"
    })
    void oneMatrixInTwoBitsIsNamed(String matrix, String hook) {
        RunRequest faulty = RunRequest.builder()
                .precisionPlan(new PrecisionPlan(
                        null, null, null, null, List.of(new PrecisionPlan.Simulated(matrix, "int2-channel"))))
                .build();
        ComparisonManifest.FirstBad bad = compare(faulty, null, null).firstBad();
        assertThat(bad.hook()).isEqualTo(HookId.parse(hook));
        assertThat(bad.basis()).isEqualTo("made");
        assertThat(bad.distance()).isGreaterThan(bad.factor() * bad.floor());
        assertThat(bad.distanceAll()).isGreaterThan(bad.factor() * bad.floor());
    }

    /** The named position has its own distance: all of a head's value is gone there, and nowhere else. */
    @Test
    void theDistanceIsThatOfTheNamedPosition() {
        RunRequest b = RunRequest.builder()
                .interventions(List.of(new Intervention(
                        "blocks.1.attn.hook_z", Intervention.Op.ZERO, null, List.of(3), null, null, null, null, null)))
                .build();
        ComparisonManifest m = compare(b, null, null);
        ComparisonManifest.FirstBad bad = m.firstBad();
        assertThat(bad.position()).isEqualTo(3);
        assertThat(bad.distance()).isEqualTo(1);
        assertThat(bad.distanceAll()).isBetween(0.01, 0.9);
        assertThat(bad.distanceAll()).isEqualTo(row(m, "blocks.1.attn.hook_z").made());
    }

    @Test
    void whatIsInheritedIsNotBad() {
        // Layer 0 is off by a little that stays below the bound; layer 2 is broken: all after layer 0 differs, layer 2
        // is named.
        Intervention slight = scale("blocks.0.hook_mlp_out", 1.0001);
        Intervention broken = scale("blocks.2.attn.hook_z", 0.5);
        RunRequest b =
                RunRequest.builder().interventions(List.of(slight, broken)).build();
        ComparisonManifest m = compare(b, null, 1e5);
        assertThat(m.firsts().get(0).hook()).isEqualTo(HookId.parse("blocks.0.hook_mlp_out"));
        assertThat(m.firstBad().hook()).isEqualTo(HookId.parse("blocks.2.attn.hook_z"));
        assertThat(m.firstBad().position()).isZero();
        ComparisonManifest.HookRow layer1 = row(m, "blocks.1.hook_attn_out");
        assertThat(layer1.relativeL2()).isPositive();
        assertThat(layer1.made()).isZero();
        assertThat(row(m, "blocks.1.hook_resid_mid").made()).isNull();
        assertThat(compare(b, null, null).firstBad().hook()).isEqualTo(HookId.parse("blocks.0.hook_mlp_out"));
    }

    @Test
    void identicalSidesHaveNone() {
        for (Floor floor : Floor.values()) {
            ComparisonManifest m = compare(RunRequest.builder().build(), floor, null);
            assertThat(m.firstBad().hook()).as(floor.name()).isNull();
            assertThat(m.firstBad().distance()).isNull();
        }
    }

    @Test
    void theOtherEngineIsNoise() {
        ComparisonManifest m = compare(RunRequest.builder().engine("onnx").build(), null, null);
        assertThat(m.prompt().meanKld().value()).isPositive();
        assertThat(m.firsts().get(0).hook()).isNotNull();
        assertThat(m.firstBad().hook()).isNull();
    }

    @Test
    void aLiesFromItselfByRoundingAlone() {
        ComparisonManifest m =
                compare(RunRequest.builder().precision(Precision.FP16).build(), Floor.BATCHES, null);
        assertThat(m.floor().why()).isNull();
        assertThat(m.hooks())
                .allSatisfy(h -> assertThat(h.floor()).as(h.hook().name()).isBetween(0.0, 1e-5));
        assertThat(m.hooks()).anySatisfy(h -> assertThat(h.floor()).isPositive());
        assertThat(m.floor().prompt().meanKld().value())
                .isLessThan(m.prompt().meanKld().value() / 10);
        assertThat(m.floor().text().meanKld().value())
                .isLessThan(m.text().measures().meanKld().value() / 10);
        assertThat(m.floor().text().sameTop().value()).isEqualTo(1);
        ComparisonManifest engine =
                compare(RunRequest.builder().precision(Precision.FP16).build(), Floor.ENGINE, null);
        assertThat(engine.floor().what()).isEqualTo("A on onnx");
        assertThat(engine.floor().prompt().meanKld().value()).isBetween(1e-20, 1e-8);
        ComparisonManifest none =
                compare(RunRequest.builder().precision(Precision.FP16).build(), Floor.NONE, null);
        assertThat(none.floor()).isNull();
        assertThat(none.hooks()).allSatisfy(h -> assertThat(h.floor()).isNull());
        assertThat(none.firstBad().floor()).isEqualTo(0x1p-24);
        assertThat(inspector.comparisons().manifest(engine.id())).isEqualTo(engine);
    }

    @Test
    void withoutTheSplitTheFirstPastTheBoundIsNamed() {
        RunRequest b = RunRequest.builder()
                .interventions(List.of(scale("blocks.2.attn.hook_z", 0.5)))
                .build();
        ComparisonRequest.Options options = ComparisonRequestOptionsBuilder.builder()
                .split(false)
                .window(32)
                .cost(false)
                .build();
        ComparisonManifest m = inspector
                .comparisons()
                .compare(new ComparisonRequest(a(), b, null, null, options, null, null), ComparisonListener.NONE);
        assertThat(m.firstBad().basis()).isEqualTo("total");
        assertThat(m.firstBad().hook()).isEqualTo(HookId.parse("blocks.2.attn.hook_z"));
        assertThat(m.hooks()).allSatisfy(h -> assertThat(h.made()).isNull());
        assertThatThrownBy(() -> compare(b, null, 0.5)).isInstanceOfSatisfying(Problem.class, p -> assertThat(p.where())
                .isEqualTo("options.factor"));
    }

    private static Intervention scale(String hook, double by) {
        return new Intervention(hook, Intervention.Op.SCALE, null, null, null, null, by, null, null);
    }

    private static ComparisonManifest.HookRow row(ComparisonManifest m, String hook) {
        return m.hooks().stream()
                .filter(r -> r.hook().name().equals(hook))
                .findFirst()
                .orElseThrow();
    }

    private static RunRequest a() {
        return RunRequest.builder().prompt("Once upon a time the little cat").build();
    }

    private ComparisonManifest compare(RunRequest b, Floor floor, Double factor) {
        ComparisonRequest.Options options = ComparisonRequestOptionsBuilder.builder()
                .split(true)
                .window(32)
                .cost(false)
                .floor(floor)
                .factor(factor)
                .build();
        return inspector
                .comparisons()
                .compare(new ComparisonRequest(a(), b, TEXT, null, options, null, null), ComparisonListener.NONE);
    }
}
