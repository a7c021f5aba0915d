package org.llminspector.run.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.Precision;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.ComparisonRequest;
import org.llminspector.run.request.ComparisonRequest.Bound;
import org.llminspector.run.request.ComparisonRequestOptionsBuilder;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonManifest;
import org.llminspector.run.store.Verdict;
import org.llminspector.run.store.Verdict.Level;
import org.llminspector.run.store.Verdict.Measure;
import org.llminspector.tokenize.Token;

/** The verdict of a comparison: the same, safe, look, broken, with bounds of one's own; and what both sides write. */
class VerdictTest {

    private static final String PROMPT = "the little cat sat on the mat";

    @TempDir
    static Path temp;

    private static Inspector inspector;

    @BeforeAll
    static void open() throws Exception {
        inspector = TextModel.open(temp, 256L << 20);
    }

    @AfterAll
    static void close() {
        inspector.close();
    }

    private static ComparisonManifest compare(RunRequest b, Map<String, Bound> bounds) {
        ComparisonRequest.Options options = ComparisonRequestOptionsBuilder.builder()
                .cost(false)
                .continueTokens(6)
                .bounds(bounds)
                .build();
        RunRequest a = RunRequest.builder().prompt(PROMPT).build();
        return inspector
                .comparisons()
                .compare(new ComparisonRequest(a, b, null, null, options, null, null), ComparisonListener.NONE);
    }

    private static Verdict.Rule rule(ComparisonManifest m, Measure name) {
        return m.verdict().rules().stream()
                .filter(r -> r.name() == name)
                .findFirst()
                .orElseThrow();
    }

    private static RunRequest scaled(String hook, double by) {
        return RunRequest.builder()
                .interventions(
                        List.of(new Intervention(hook, Intervention.Op.SCALE, null, null, null, null, by, null, null)))
                .build();
    }

    @Test
    void aModelAgainstItselfIsTheSame() {
        ComparisonManifest m = compare(RunRequest.builder().build(), null);
        assertThat(m.verdict().level()).isEqualTo(Level.SAME);
        assertThat(m.verdict().sentence()).startsWith("The same: over ");
        assertThat(m.continuations().firstDifference()).isNull();
        assertThat(m.continuations().a())
                .isEqualTo(m.continuations().b())
                .hasSizeLessThanOrEqualTo(6)
                .isNotEmpty();
    }

    @Test
    void halfPrecisionIsSafeAndSaysSoWithItsNumbers() {
        ComparisonManifest m =
                compare(RunRequest.builder().precision(Precision.FP16).build(), null);
        assertThat(m.verdict().level()).isEqualTo(Level.SAFE);
        assertThat(m.verdict().sentence()).contains("mean KL divergence", "All within their bounds");
        assertThat(m.verdict().rules()).allSatisfy(r -> assertThat(r.level()).isEqualTo(Level.SAFE));
    }

    @Test
    void aModuleThatIsWrongIsNamed() {
        ComparisonManifest m = compare(scaled("blocks.1.hook_mlp_out", -1), null);
        Verdict.Rule worst = rule(m, Measure.MODULE_ERROR);
        assertThat(worst.where()).isEqualTo("blocks.1.mlp");
        assertThat(worst.value()).isCloseTo(2, org.assertj.core.data.Offset.offset(1e-5));
        assertThat(worst.level()).isEqualTo(Level.BROKEN);
        assertThat(m.verdict().level()).isEqualTo(Level.BROKEN);
        assertThat(m.verdict().sentence()).startsWith("Broken, over").contains("blocks.1.mlp");
    }

    @Test
    void boundsOfOnesOwnMoveTheLevel() {
        RunRequest half = RunRequest.builder().precision(Precision.FP16).build();
        double kld = rule(compare(half, null), Measure.MEAN_KLD).high();
        assertThat(kld).isPositive();
        ComparisonManifest look = compare(half, Map.of("mean_kld", new Bound(kld / 2, 1.0)));
        assertThat(look.verdict().level()).isEqualTo(Level.LOOK);
        assertThat(look.verdict().sentence()).startsWith("Look here").contains("mean KL divergence");
        ComparisonManifest kept = inspector.comparisons().manifest(look.id());
        assertThat(kept.verdict()).isEqualTo(look.verdict());
        assertThat(Json.mapper().valueToTree(kept).at("/verdict/level").asText())
                .isEqualTo("look");
    }

    @Test
    void anIntervalThatReachesPastABoundIsNoSafety() {
        ComparisonManifest m = compare(scaled("blocks.0.hook_mlp_out", 1.05), null);
        Verdict.Rule kld = rule(m, Measure.MEAN_KLD);
        double between = (kld.value() + kld.high()) / 2;
        ComparisonManifest again =
                compare(scaled("blocks.0.hook_mlp_out", 1.05), Map.of("mean_kld", new Bound(between, 10.0)));
        assertThat(rule(again, Measure.MEAN_KLD).level()).isEqualTo(Level.LOOK);
        assertThat(again.verdict().sentence()).contains("which may lie above");
    }

    @Test
    void wrongBoundsAreRefused() {
        RunRequest b = RunRequest.builder().build();
        assertThatThrownBy(() -> compare(b, Map.of("kld", new Bound(1.0, 2.0))))
                .isInstanceOfSatisfying(
                        Problem.class, p -> assertThat(p.where()).isEqualTo("options.bounds"));
        assertThatThrownBy(() -> compare(b, Map.of("same_top", new Bound(0.5, 0.9))))
                .isInstanceOfSatisfying(
                        Problem.class, p -> assertThat(p.where()).isEqualTo("options.bounds: same_top"));
    }

    @Test
    void bothSidesContinueThePromptAsARunWould() {
        RunRequest b = scaled("blocks.1.hook_mlp_out", -1);
        ComparisonManifest m = compare(b, null);
        List<Token> a = m.continuations().a();
        Integer first = m.continuations().firstDifference();
        assertThat(first).isNotNull();
        assertThat(a.subList(0, first)).isEqualTo(m.continuations().b().subList(0, first));
        assertThat(a.get(first).id())
                .isNotEqualTo(m.continuations().b().get(first).id());
        assertThat(m.continuations().margin()).isPositive();
        assertThat(m.continuations().noise()).isNotNull();
        assertThat(m.continuations().nearTie())
                .isEqualTo(m.continuations().margin() <= 10 * m.continuations().noise());
    }
}
