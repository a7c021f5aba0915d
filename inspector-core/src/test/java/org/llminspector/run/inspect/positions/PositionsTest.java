package org.llminspector.run.inspect.positions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.llminspector.base.Problem;
import org.llminspector.golden.Golden;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.spec.AlibiBias;
import org.llminspector.spec.Attention;
import org.llminspector.spec.RopeFrequencies;

/** Positions of tiny real models, one of every family: what is computed outside the model equals what the model has. */
public class PositionsTest {

    private static final List<Integer> TOKENS = List.of(5, 9, 2, 7, 11, 3, 9, 2);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    static Stream<String> models() {
        return Stream.concat(
                Golden.in(Golden.ROOT).stream().map(d -> d.getFileName().toString()),
                Stream.of("bloom", "mpt", "falcon_rw"));
    }

    private RunManifest run(String model, List<Integer> tokens) {
        return inspector
                .runs()
                .run(RunRequest.builder().model(model).tokens(tokens).build(), RunListener.NONE);
    }

    private Attention attention(String model, int layer) {
        return inspector.models().details(model).spec().layers().get(layer).attention();
    }

    /** Falcon rounds what a position takes: distances count, and a little of places too. */
    private static boolean bf16(Attention a) {
        return a.alibi() != null && a.alibi().bf16();
    }

    /** At its own distance every score is the model's; without rotation it is q . k; its pairs make the curve. */
    @ParameterizedTest
    @MethodSource("models")
    void scoresAtTheirOwnDistanceAreTheModels(String model) {
        RunManifest run = run(model, TOKENS);
        double noise = model.contains("bf16") ? 0.05 : 1e-4;
        int last = run.model().nLayers() - 1;
        for (int layer : new int[] {0, last}) {
            Attention a = attention(model, layer);
            for (int head = 0; head < a.nHeads(); head++) {
                HeadDistances.Distances d =
                        inspector.analyses().distances().distances(run.id(), layer, head, -1, null, 40);
                assertThat(d.agreement()).as(model + " " + layer + "." + head).isLessThan(noise);
                double slope = d.slope() == null ? 0 : d.slope();
                assertThat(slope > 0).isEqualTo(a.alibi() != null);
                double rounded = bf16(a) ? 7 * slope / 128 : 0;
                double capped = d.softcap() == null ? d.score() : d.softcap() * Math.tanh(d.score() / d.softcap());
                assertThat(capped).isCloseTo(d.told(), within(noise));
                assertThat(d.curve()).hasSize(41);
                assertThat(d.curve().get(d.distance())).isCloseTo(d.score(), within(1e-6 + rounded));
                assertThat(d.pairs()).hasSize(a.rope() == null ? 0 : a.rope().rotaryDims() / 2);
                double sum = d.rest();
                double mean = 0;
                for (HeadDistances.PairTerm p : d.pairs()) {
                    sum += p.cosine() * Math.cos(p.frequency() * 7) - p.sine() * Math.sin(p.frequency() * 7);
                    mean += p.meanCosine();
                }
                assertThat(sum - 7 * slope).isCloseTo(d.curve().get(7), within(1e-6 + rounded));
                if (a.alibi() != null) {
                    assertThat(d.kind()).isEqualTo(Positions.Kind.ALIBI);
                    assertThat(d.curve()).isSortedAccordingTo(Comparator.reverseOrder());
                    assertThat(d.curve().get(0)).isCloseTo(d.before(), within(1e-6));
                } else if (a.rope() == null) {
                    assertThat(d.curve()).allSatisfy(s -> assertThat(s).isCloseTo(d.before(), within(1e-6)));
                } else {
                    float warm = RopeFrequencies.attentionFactor(a.rope());
                    if (a.rope().rotaryDims() == a.dHead()) {
                        assertThat(d.curve().get(0)).isCloseTo(d.before() * warm * warm, within(1e-5));
                        assertThat(mean).isCloseTo(d.mean().get(0), within(1e-5));
                    }
                }
                assertThat(d.counted()).isEqualTo(7 * 8 / 2);
            }
        }
    }

    /** The mean curve is the mean of its pairs of tokens, each at the distance asked for. */
    @Test
    void theMeanIsOfEveryQueryWithEveryKeyBeforeIt() {
        RunManifest run = run("llama", TOKENS);
        double[] sum = new double[11];
        int counted = 0;
        List<Double> mean = List.of();
        for (int q = 1; q < TOKENS.size(); q++) {
            for (int k = 1; k <= q; k++) {
                HeadDistances.Distances d = inspector.analyses().distances().distances(run.id(), 2, 1, q, k, 10);
                for (int i = 0; i <= 10; i++) sum[i] += d.curve().get(i);
                counted++;
                mean = d.mean();
            }
        }
        for (int i = 0; i <= 10; i++) assertThat(mean.get(i)).isCloseTo(sum[i] / counted, within(1e-6));
    }

    @ParameterizedTest
    @MethodSource("models")
    void schemesAreTheSpecs(String model) {
        Positions.Schemes s = inspector.analyses().positions().schemes(model, null, 8);
        int layers = inspector.models().details(model).spec().nLayers();
        assertThat(s.schemes().stream().mapToInt(x -> x.layers().size()).sum()).isEqualTo(layers);
        for (Positions.Scheme scheme : s.schemes()) {
            for (int layer : scheme.layers()) {
                Attention a = attention(model, layer);
                assertThat(scheme.window()).isEqualTo(a.window());
                assertThat(scheme.pairs())
                        .hasSize(a.rope() == null ? 0 : a.rope().rotaryDims() / 2);
                if (a.rope() == null) continue;
                float[] f = RopeFrequencies.perPosition(a.rope(), 1);
                for (Positions.Pair p : scheme.pairs()) {
                    assertThat(p.frequency()).isEqualTo(f[p.pair()]);
                    assertThat(p.period() * p.frequency()).isCloseTo(2 * Math.PI, within(1e-9));
                }
                boolean scaled = !scheme.scaling().getClass().getSimpleName().equals("Default");
                boolean moved = scheme.pairs().stream().anyMatch(p -> p.frequency() != p.unscaled());
                assertThat(moved).isEqualTo(scaled);
            }
        }
        assertThatThrownBy(() -> inspector.analyses().positions().schemes(model, 1 << 30, 8))
                .isInstanceOf(Problem.class);
    }

    /** Moved, the scores and the prediction stay to rounding noise, unless positions are learned: then they do not. */
    @ParameterizedTest
    @MethodSource("models")
    void aMovedPromptSaysTheSameWhereOnlyDistancesCount(String model) {
        RunManifest run = run(model, TOKENS);
        for (int by : new int[] {1, 23}) {
            PromptShifts.Shift shift = inspector
                    .analyses()
                    .shifts()
                    .shift(run.id(), by, run.model().nLayers() - 1);
            if (inspector.models().details(model).spec().learnedPositions()) {
                assertThat(shift.kind()).isEqualTo(Positions.Kind.LEARNED);
                assertThat(shift.maxDifference()).isGreaterThan(1e-2 * shift.largest());
                assertThat(shift.kl()).isPositive();
                continue;
            }
            boolean rounded = model.contains("bf16") || bf16(attention(model, 0));
            double noise = rounded ? 5e-2 : 2e-5;
            assertThat(shift.maxDifference()).as(model).isLessThan(noise * (1 + shift.largest()));
            assertThat(shift.top().get(0).moved()).isCloseTo(shift.top().get(0).prob(), within(rounded ? 5e-2 : 1e-4));
            assertThat(shift.largest()).isPositive();
        }
    }

    @Test
    void headsAreOrderedByHowFarTheirScoresMove() {
        RunManifest run = run("llama", TOKENS);
        HeadDistances.Ranges ranges = inspector.analyses().distances().ranges(run.id(), 32);
        assertThat(ranges.heads()).hasSize(16).isSortedAccordingTo((a, b) -> Double.compare(b.range(), a.range()));
        HeadDistances.HeadRange first = ranges.heads().get(0);
        List<Double> mean = inspector
                .analyses()
                .distances()
                .distances(run.id(), first.layer(), first.head(), null, null, 32)
                .mean();
        double most = mean.stream().mapToDouble(x -> x).max().orElseThrow();
        double least = mean.stream().mapToDouble(x -> x).min().orElseThrow();
        assertThat(first.range()).isCloseTo(most - least, within(1e-6));
        assertThat(mean.get(first.nearest())).isEqualTo(most);
        RunManifest learned = run("gpt2", TOKENS);
        assertThatThrownBy(() -> inspector.analyses().distances().ranges(learned.id(), 32))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("learned positions");
    }

    @Test
    void learnedPositionsAreHeldAgainstOneAnother() {
        Positions.Similarity all =
                inspector.analyses().positions().schemes("gpt2", null, 512).similarity();
        assertThat(all.every()).isEqualTo(1);
        assertThat(all.cosines()).hasSize(128).allSatisfy(row -> assertThat(row).hasSize(128));
        assertThat(all.cosines().get(5).get(5)).isCloseTo(1, within(1e-5f));
        assertThat(all.cosines().get(5).get(9))
                .isEqualTo(all.cosines().get(9).get(5))
                .isBetween(-0.999f, 0.999f);
        Positions.Similarity some =
                inspector.analyses().positions().schemes("gpt2", null, 20).similarity();
        assertThat(some.every()).isEqualTo(7);
        assertThat(some.cosines()).hasSize(19);
        assertThat(some.cosines().get(1).get(2)).isEqualTo(all.cosines().get(7).get(14));
        assertThat(inspector.analyses().positions().schemes("llama", null, 20).similarity())
                .isNull();
    }

    /** Press et al. 2021: a geometric series; between powers of two, of the next one every other. */
    @Test
    void alibiSlopesAreThePapers() {
        assertThat(AlibiBias.slopes(8, 8)).startsWith(0.5, 0.25).endsWith(1 / 256.0);
        assertThat(AlibiBias.slopes(12, 8)).hasSize(12);
        assertThat(AlibiBias.slopes(12, 8).get(8)).isCloseTo(Math.pow(2, -0.5), within(1e-12));
    }

    @Test
    void whatCannotBeMovedIsRefused() {
        RunManifest run = run("llama", TOKENS);
        assertThatThrownBy(() -> inspector.analyses().shifts().shift(run.id(), 0, 0))
                .hasMessageContaining("1 to 248");
        assertThatThrownBy(() -> inspector.analyses().shifts().shift(run.id(), 249, 0))
                .isInstanceOf(Problem.class);
        assertThatThrownBy(() -> inspector.analyses().shifts().shift(run.id(), 1, 9))
                .isInstanceOf(Problem.class);
        assertThatThrownBy(() -> inspector.analyses().distances().distances(run.id(), 0, 0, 3, 4, 10))
                .isInstanceOf(Problem.class);
        assertThatThrownBy(() -> inspector.analyses().distances().distances(run.id(), 0, 0, 3, null, 0))
                .isInstanceOf(Problem.class);
    }
}
