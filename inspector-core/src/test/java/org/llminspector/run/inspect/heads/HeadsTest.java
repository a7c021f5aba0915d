package org.llminspector.run.inspect.heads;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.analysis.Composition;
import org.llminspector.analysis.HeadDetection;
import org.llminspector.analysis.HeadProfile;
import org.llminspector.analysis.HeadScores;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.golden.Golden;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;

/** All heads of tiny real models at once, compared with TransformerLens and with the model's own numbers. */
public class HeadsTest {

    private static final JsonNode LENS = Json.readObject(Path.of("src/test/resources/heads.json"));
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
        // and those with a factor on what they add, norms without weights, or whose unembedding has a bias or a factor
        return Stream.concat(
                Golden.in(Golden.ROOT).stream().map(d -> d.getFileName().toString()),
                Stream.of("phi", "cohere", "granite", "olmo", "bloom", "mpt", "gemma4_wide"));
    }

    private RunManifest run(String model, List<Integer> tokens, String... capture) {
        return inspector
                .runs()
                .run(
                        RunRequest.builder()
                                .model(model)
                                .tokens(tokens)
                                .capture(List.of(capture))
                                .build(),
                        RunListener.NONE);
    }

    private static List<Integer> ids(JsonNode text) {
        List<Integer> ids = new ArrayList<>();
        text.path("ids").forEach(id -> ids.add(id.asInt()));
        return ids;
    }

    /** Recaptured or captured, the scores are those of detect_head; abs is rounded there. */
    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "llama"})
    void detectionIsTransformerLens(String model) {
        LENS.at("/models/" + model + "/texts").forEach(text -> {
            for (String[] capture : new String[][] {{}, {"blocks.*.attn.hook_pattern"}}) {
                RunManifest run = run(model, ids(text), capture);
                for (HeadProfile h :
                        inspector.analyses().heads().profiles(run.id()).heads()) {
                    check(text, "previous_token", h, h.detect().previousToken());
                    check(text, "duplicate_token", h, h.detect().duplicateToken());
                    check(text, "induction", h, h.detect().induction());
                }
            }
        });
    }

    private static void check(JsonNode text, String name, HeadProfile h, HeadDetection.Measures ours) {
        JsonNode detect = text.path("detect");
        double mul = detect.path(name + "/mul").get(h.layer()).get(h.head()).asDouble();
        double abs = detect.path(name + "/abs").get(h.layer()).get(h.head()).asDouble();
        assertThat(ours.mul()).as(name).isCloseTo(mul, within(1e-5));
        assertThat(ours.abs()).as(name).isCloseTo(abs, within(0.0005 + 1e-5));
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "llama"})
    void effectsAreTransformerLens(String model) {
        LENS.at("/models/" + model + "/texts").forEach(text -> {
            RunManifest run = run(model, ids(text));
            LogitAttribution.Effects e = inspector.analyses().attribution().effects(run.id(), -1, null, null);
            assertThat(e.id()).isEqualTo(text.path("target").asInt());
            double embed = 0;
            for (LogitAttribution.Part p : e.parts()) {
                switch (p.part()) {
                    case EMBED, POS_EMBED -> embed += p.effect();
                    case HEAD ->
                        assertThat(p.effect())
                                .as(p.toString())
                                .isCloseTo(
                                        text.path("heads")
                                                .get(p.layer())
                                                .get(p.head())
                                                .asDouble(),
                                        within(1e-4));
                    case ATTN_REST ->
                        assertThat(p.effect())
                                .isCloseTo(text.path("rests").get(p.layer()).asDouble(), within(1e-4));
                    case MLP ->
                        assertThat(p.effect())
                                .isCloseTo(text.path("mlps").get(p.layer()).asDouble(), within(1e-4));
                    case CONV, SSM, PLE ->
                        throw new AssertionError("neither has a convolution, a recurrence or layer inputs");
                    case NORM_BIAS ->
                        assertThat(p.effect()).isCloseTo(text.path("constant").asDouble(), within(1e-4));
                }
            }
            assertThat(embed).isCloseTo(text.path("embed").asDouble(), within(1e-4));
            assertThat(e.sum()).isCloseTo(text.path("logit").asDouble(), within(1e-4));
        });
    }

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "llama"})
    void compositionIsTransformerLens(String model) {
        JsonNode scores = LENS.at("/models/" + model + "/composition");
        int last = inspector.models().details(model).spec().nLayers() - 1;
        for (int layer : new int[] {1, last}) {
            HeadCircuits.Compositions c = inspector.analyses().circuits().compositions(model, layer, 3);
            assertThat(c.from()).hasSize(layer * 4);
            for (HeadCircuits.Reads r : c.from()) {
                Composition ours = r.composition();
                double[] told = {ours.q(), ours.k(), ours.v()};
                for (int i = 0; i < 3; i++) {
                    JsonNode theirs = scores.path("QKV".substring(i, i + 1))
                            .get(r.layer())
                            .get(r.head())
                            .get(layer)
                            .get(3);
                    assertThat(told[i]).isCloseTo(theirs.asDouble(), within(1e-5));
                }
            }
        }
        assertThat(inspector.analyses().circuits().compositions(model, 0, 0).from())
                .isEmpty();
    }

    /** Of every family, what all parts add is the logit; where no bias is added, heads alone make what attention adds. */
    @ParameterizedTest
    @MethodSource("models")
    void effectsAddUpToTheLogit(String model) {
        RunManifest run = run(model, TOKENS, "logits");
        for (Integer against : new Integer[] {null, 4}) {
            LogitAttribution.Effects e = inspector.analyses().attribution().effects(run.id(), 4, 6, against);
            Tensor logits = inspector.runs().stored().capture(run.id(), HookId.of(HookPoint.LOGITS));
            long row = 4 * logits.shape()[2];
            double told = logits.get(row + 6) - (against == null ? 0 : logits.get(row + against));
            assertThat(e.logit()).isEqualTo(told, within(1e-6));
            if (e.softcap() != null && against != null) continue; // a difference of capped logits is none
            double ours = e.softcap() == null ? e.sum() : e.softcap() * Math.tanh(e.sum() / e.softcap());
            double noise = inspector.models().details(model).spec().nLayers() * 2e-5 * (1 + Math.abs(told));
            assertThat(ours).isCloseTo(told, within(model.contains("bf16") ? 0.05 : noise));
            int heads = (int) e.parts().stream()
                    .filter(p -> p.part() == LogitAttribution.Kind.HEAD)
                    .count();
            assertThat(heads).isEqualTo(run.model().nLayers() * run.model().nHeads());
            boolean biased = inspector
                    .models()
                    .details(model)
                    .spec()
                    .layers()
                    .get(0)
                    .attention()
                    .outBias();
            if (biased || model.contains("bf16")) continue;
            assertThat(e.parts().stream().filter(p -> p.part() == LogitAttribution.Kind.ATTN_REST))
                    .allSatisfy(p -> assertThat(p.effect()).isCloseTo(0, within(1e-4)));
        }
    }

    @Test
    void stripesEntropyAndThumbnailsAreThePattern() {
        RunManifest run = run("llama", TOKENS, "blocks.*.attn.hook_pattern");
        int n = TOKENS.size();
        List<HeadProfile> heads =
                inspector.analyses().heads().profiles(run.id()).heads();
        Tensor all = inspector.analyses().heads().thumbnails(run.id(), 64);
        Tensor small = inspector.analyses().heads().thumbnails(run.id(), 3);
        assertThat(all.shape()).containsExactly(4, 4, n, n);
        assertThat(small.shape()).containsExactly(4, 4, 3, 3);
        int[] ids = TOKENS.stream().mapToInt(i -> i).toArray();
        BitSet every = new BitSet();
        every.set(0, ids.length);
        for (int layer = 0; layer < 4; layer++) {
            Tensor pattern = inspector.runs().stored().capture(run.id(), HookId.of(HookPoint.PATTERN, layer));
            List<HeadScores> stripes = HeadScores.of(layer, pattern, ids, every);
            for (int h = 0; h < 4; h++) {
                HeadProfile profile = heads.get(layer * 4 + h);
                assertThat(profile.stripes()).isEqualTo(stripes.get(h));
                double entropy = 0;
                float[] most = new float[9];
                for (int q = 0; q < n; q++) {
                    for (int k = 0; k < n; k++) {
                        float p = (float) pattern.get((h * n + q) * (long) n + k);
                        assertThat(all.get(((layer * 4L + h) * n + q) * n + k)).isEqualTo(p);
                        int cell = q * 3 / n * 3 + k * 3 / n;
                        most[cell] = Math.max(most[cell], p);
                        if (q > 0 && p > 0) entropy -= p * Math.log(p) / (n - 1);
                    }
                }
                assertThat(profile.entropy()).isCloseTo(entropy, within(1e-6));
                for (int i = 0; i < 9; i++)
                    assertThat(small.get((layer * 4 + h) * 9L + i)).isEqualTo(most[i]);
                Tensor tile =
                        inspector.analyses().heads().tile(run.id(), layer, h, Slice.range(2, 6), Slice.range(1, 4), 8);
                assertThat(tile.shape()).containsExactly(4, 3);
                assertThat(tile.get(3 * 3 + 2)).isEqualTo(pattern.get((h * (long) n + 5) * n + 3));
                assertThat(inspector
                                .analyses()
                                .heads()
                                .tile(run.id(), layer, h, Slice.ALL, Slice.ALL, 3)
                                .toFloats())
                        .isEqualTo(most);
            }
        }
    }

    @Test
    void aRunWithoutPatternsIsReadAgainAndNotExtended() {
        RunManifest bare = run("llama", TOKENS);
        RunManifest whole = run("llama", TOKENS, "blocks.*.attn.hook_pattern");
        List<HeadProfile> read =
                inspector.analyses().heads().profiles(bare.id()).heads();
        assertThat(read).hasSize(16);
        List<HeadProfile> kept =
                inspector.analyses().heads().profiles(whole.id()).heads();
        for (int i = 0; i < read.size(); i++) {
            assertThat(read.get(i).entropy()).isCloseTo(kept.get(i).entropy(), within(1e-6));
        }
        assertThat(inspector.runs().stored().manifest(bare.id())).isEqualTo(bare);
        assertThat(inspector
                        .analyses()
                        .heads()
                        .tile(bare.id(), 2, 1, Slice.ALL, Slice.ALL, 64)
                        .toFloats())
                .isEqualTo(inspector
                        .analyses()
                        .heads()
                        .tile(whole.id(), 2, 1, Slice.ALL, Slice.ALL, 64)
                        .toFloats());
        // Whole patterns of the run viewed last are cached, and equal a tile of all of it.
        float[] remembered = inspector
                .analyses()
                .heads()
                .tile(whole.id(), 2, 1, Slice.ALL, Slice.ALL, 256)
                .toFloats();
        assertThat(remembered)
                .isEqualTo(inspector
                        .analyses()
                        .heads()
                        .tile(bare.id(), 2, 1, Slice.ALL, Slice.ALL, 256)
                        .toFloats())
                .isEqualTo(inspector
                        .analyses()
                        .heads()
                        .tile(whole.id(), 2, 1, Slice.ALL, Slice.ALL, 64)
                        .toFloats());
        assertThatThrownBy(() -> inspector.analyses().heads().tile(bare.id(), 9, 1, Slice.ALL, Slice.ALL, 64))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no such layer");
        RunManifest two = run("llama", List.of(3, 4));
        assertThatThrownBy(() -> inspector.analyses().heads().profiles(two.id()))
                .hasMessageContaining("too few tokens");
    }

    /** The same seed draws the same tokens; the second half is the first again. */
    @Test
    void repeatedTokensAreSeeded() {
        Heads.Repeated a =
                inspector.analyses().heads().repeated("tiny-text", null, PrecisionPlan.of(null, null), 3, 20);
        Heads.Repeated b =
                inspector.analyses().heads().repeated("tiny-text", "onnx", PrecisionPlan.of(null, null), 3, 20);
        Heads.Repeated c =
                inspector.analyses().heads().repeated("tiny-text", null, PrecisionPlan.of(null, null), 4, 20);
        assertThat(b.tokens()).isEqualTo(a.tokens()).isNotEqualTo(c.tokens());
        Heads.Repeated fitting =
                inspector.analyses().heads().repeated("tiny-text", null, PrecisionPlan.of(null, null), 3, null);
        assertThat(fitting.tokens().size() / 2).isEqualTo(50);
        int begin = a.tokens().size() - 40;
        assertThat(a.tokens().subList(begin, begin + 20))
                .doesNotHaveDuplicates()
                .isEqualTo(a.tokens().subList(begin + 20, begin + 40));
        assertThat(a.heads())
                .allSatisfy(h -> assertThat(h.stripes().induction()).isNotNull());
        assertThat(b.heads().get(5).entropy()).isCloseTo(a.heads().get(5).entropy(), within(1e-4));
        assertThatThrownBy(() ->
                        inspector.analyses().heads().repeated("llama", null, PrecisionPlan.of(null, null), 0, 200))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("2 to 128");
    }

    /** Every pair of a small vocabulary, the long way round: the model's own q and k of one token alone, and what it writes. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama",
                "gpt2",
                "qwen3",
                "gemma3",
                "olmo2",
                "gpt_neox",
                "granite",
                "olmo",
                "bloom",
                "falcon_rw",
                "cohere_qknorm",
                "stablelm_qknorm"
            })
    void circuitsAreTheModelsOwnProducts(String model) {
        int layer = 0; // of which the embedding alone is the input
        HeadCircuits.Circuits c =
                inspector.analyses().circuits().circuits(model, layer, 1, 0, List.of(7, 12), false, 5);
        assertThat(c.seeks().exact()).isTrue();
        assertThat(c.writes().exact()).isTrue();
        boolean rotated = inspector
                        .models()
                        .details(model)
                        .spec()
                        .layers()
                        .get(layer)
                        .attention()
                        .rope()
                != null;
        assertThat(c.rotated()).isEqualTo(rotated);
        if (inspector.models().details(model).spec().learnedPositions())
            return; // they are added to what a run reads, and are not in it
        int vocab = inspector.models().details(model).spec().vocab();
        // One run per token: at position 0 nothing is rotated.
        float[][] q = new float[vocab][];
        float[][] k = new float[vocab][];
        int kv = c.kvHead();
        int sample = 40;
        for (int id = 0; id < sample; id++) {
            RunManifest run = run(model, List.of(id), "blocks.0.attn.hook_q", "blocks.0.attn.hook_k");
            q[id] = head(run, HookPoint.Q, 1);
            k[id] = head(run, HookPoint.K, kv);
        }
        float scale = inspector
                .models()
                .details(model)
                .spec()
                .layers()
                .get(layer)
                .attention()
                .scale();
        double[] scores = new double[sample];
        for (int id = 0; id < sample; id++) for (int d = 0; d < q[7].length; d++) scores[id] += q[7][d] * k[id][d];
        // Differences between keys are what the averages leave alone.
        HeadCircuits.Circuits wide =
                inspector.analyses().circuits().circuits(model, layer, 1, 0, List.of(7), false, 100);
        List<HeadCircuits.TokenScore> known =
                wide.of().get(0).seeks().stream().filter(s -> s.id() < sample).toList();
        assertThat(known).hasSizeGreaterThan(1);
        HeadCircuits.TokenScore first = known.get(0);
        for (HeadCircuits.TokenScore s : known) {
            double apart = scale * (scores[first.id()] - scores[s.id()]);
            assertThat(first.score() - s.score()).isCloseTo(apart, within(1e-4 * (1 + Math.abs(apart))));
        }
        assertThat(wide.of().get(0).seeks()).isSortedAccordingTo(Comparator.comparingDouble(s -> -s.score()));
    }

    private float[] head(RunManifest run, HookPoint point, int head) {
        Tensor t = inspector.runs().stored().capture(run.id(), HookId.of(point, 0)); // [1, 1, head, d_head]
        int width = (int) t.shape()[3];
        float[] values = new float[width];
        t.toFloats((long) head * width, values, width);
        return values;
    }

    /** What a value writes into logits, less the averages, is what the run's own difference between two tokens says. */
    @ParameterizedTest
    @ValueSource(strings = {"llama", "granite"})
    void writesAreWhatTheOutputProjectionAddsToLogits(String model) {
        HeadCircuits.Circuits c = inspector.analyses().circuits().circuits(model, 0, 2, 0, List.of(7, 12), false, 320);
        HeadCircuits.Of a = c.of().get(0);
        HeadCircuits.Of b = c.of().get(1);
        // One token alone is read whole: z is its value, and its head's effect is the circuit's, through the norm's
        // scale.
        double[] told = new double[2];
        int x = a.writes().get(0).id();
        int y = a.writes().get(1).id();
        for (int i = 0; i < 2; i++) {
            RunManifest run = run(model, List.of(i == 0 ? 7 : 12));
            LogitAttribution.Effects e = inspector.analyses().attribution().effects(run.id(), 0, x, y);
            told[i] = e.finalScale()
                    * e.parts().stream()
                            .filter(p -> p.part() == LogitAttribution.Kind.HEAD && p.layer() == 0 && p.head() == 2)
                            .mapToDouble(LogitAttribution.Part::effect)
                            .sum();
        }
        double ours = a.writes().get(0).score() - a.writes().get(1).score() - (of(b, x) - of(b, y));
        assertThat(ours).isCloseTo(told[0] - told[1], within(1e-4));
        HeadCircuits.TokenPair best = c.writes().pairs().get(0);
        assertThat(best.score()).isGreaterThanOrEqualTo(a.writes().get(0).score());
        HeadCircuits.Of own = inspector
                .analyses()
                .circuits()
                .circuits(model, 0, 2, 0, List.of(best.from()), false, 1)
                .of()
                .get(0);
        assertThat(own.writes().get(0).id()).isEqualTo(best.to());
        assertThat(own.writes().get(0).score()).isCloseTo(best.score(), within(1e-4));
    }

    private static double of(HeadCircuits.Of token, int id) {
        return token.writes().stream()
                .filter(s -> s.id() == id)
                .mapToDouble(HeadCircuits.TokenScore::score)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void whatIsNotThereIsRefused() {
        HeadCircuits circuits = inspector.analyses().circuits();
        for (Runnable wrong : List.<Runnable>of(
                () -> circuits.circuits("llama", 4, 0, 0, List.of(), true, 5),
                () -> circuits.circuits("llama", 0, 4, 0, List.of(), true, 5),
                () -> circuits.circuits("llama", 0, 0, -1, List.of(), true, 5),
                () -> circuits.circuits("llama", 0, 0, 0, List.of(320), true, 5),
                () -> circuits.compositions("llama", 0, -1))) {
            assertThatThrownBy(wrong::run).isInstanceOf(Problem.class).hasMessageContaining("no such");
        }
    }
}
