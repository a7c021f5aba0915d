package org.llminspector.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;

class SamplerTest {

    private static final int[] NOTHING_SEEN = {};

    @Test
    void filtersAsTransformersDoes() {
        JsonNode golden = Json.readObject(Path.of("src/test/resources/sampling/golden.json"));
        for (JsonNode c : golden.get("cases")) {
            float[] logits = floats(c.get("logits"));
            int[] seen = ints(c.get("seen"));
            Sampler sampler = new Sampler(options(c.get("options")), seen, seen.length);
            double[] probs = sampler.distribution(logits);
            for (int id = 0; id < logits.length; id++) {
                double expected = c.get("probs").get(id).asDouble();
                assertThat(probs[id])
                        .as("token %d of %s", id, c.get("options"))
                        .isCloseTo(expected, within(1e-6 * expected));
            }
        }
    }

    /** e^0, e^ln2, e^ln5 are 1, 2, 5: probabilities are eighths. */
    @Test
    void smallCasesByHand() {
        float[] logits = {0f, (float) Math.log(2), (float) Math.log(5)};
        close(distribution(logits, sampling(1.0, null, null, null)), 1 / 8.0, 2 / 8.0, 5 / 8.0);
        close(distribution(logits, sampling(0.5, null, null, null)), 1 / 30.0, 4 / 30.0, 25 / 30.0);
        close(distribution(logits, sampling(1.0, 2, null, null)), 0, 2 / 7.0, 5 / 7.0);
        close(distribution(logits, sampling(1.0, null, 0.62, null)), 0, 0, 1);
        close(distribution(logits, sampling(1.0, null, 0.63, null)), 0, 2 / 7.0, 5 / 7.0);
        close(distribution(logits, sampling(1.0, null, null, 0.3)), 0, 2 / 7.0, 5 / 7.0);
        close(distribution(logits, sampling(1.0, null, null, 0.1)), 1 / 8.0, 2 / 8.0, 5 / 8.0);
        // Top-p sees what top-k left: 5/7 reaches 0.7, though 5/8 did not.
        close(distribution(logits, sampling(1.0, 2, 0.7, null)), 0, 0, 1);
        // Of equal tokens the lower id comes first into the nucleus.
        close(distribution(new float[] {1, 1, 1, 1}, sampling(1.0, null, 0.5, null)), 0.5, 0.5, 0, 0);
    }

    @Test
    void reportsTheModelsOwnProbability() {
        float[] logits = {0f, (float) Math.log(2), (float) Math.log(5)};
        GenerateOptions top1 = sampling(0.3, 1, null, null);
        Sampler.Choice choice = new Sampler(top1, NOTHING_SEEN, 0).pick(logits, 0);
        assertThat(choice.id()).isEqualTo(2);
        assertThat(choice.logprob()).isCloseTo(Math.log(5 / 8.0), within(1e-7));
        assertThat(choice.sampledProb()).isEqualTo(1);
    }

    @Test
    void greedyTakesTheLowestOfEqualIds() {
        Sampler sampler = new Sampler(GenerateOptions.DEFAULTS.withDefaults(), NOTHING_SEEN, 0);
        assertThat(sampler.pick(new float[] {-1, 3, 2, 3}, 0).id()).isEqualTo(1);
        assertThat(sampler.pick(new float[] {-0f, 0f}, 0).id()).isZero();
        assertThat(sampler.pick(new float[] {-5}, 0).logprob()).isZero();
    }

    @Test
    void thePenaltyCountsPromptAndContinuation() {
        GenerateOptions options = new GenerateOptions(
                        null, true, null, null, null, null, 2.0, null, null, null, null, null, null)
                .withDefaults();
        Sampler sampler = new Sampler(options, new int[] {0, 0, 900}, 3);
        float[] logits = {3, 2, 1.2f, -1};
        assertThat(sampler.pick(logits, 0).id()).isEqualTo(1); // 1.5, 2, 1.2, -1
        assertThat(sampler.pick(logits, 0).id()).isZero(); // 1.5, 1, 1.2, -1
        assertThat(logits).containsExactly(3, 2, 1.2f, -1);
    }

    /** Pearson's chi-square of 40,000 draws from 20 tokens stays below the 99.9% quantile of 19 degrees: 43.8. */
    @Test
    void drawsFromTheDistribution() {
        Random random = new Random(11);
        float[] logits = new float[20];
        for (int i = 0; i < logits.length; i++) logits[i] = (float) random.nextGaussian();
        GenerateOptions options = sampling(0.9, null, null, null);
        Sampler sampler = new Sampler(options, NOTHING_SEEN, 0);
        double[] probs = new Sampler(options, NOTHING_SEEN, 0).distribution(logits);
        int[] counts = new int[logits.length];
        int draws = 40_000;
        for (int i = 0; i < draws; i++) {
            Sampler.Choice choice = sampler.pick(logits, i);
            counts[choice.id()]++;
            assertThat(choice.sampledProb()).isCloseTo(probs[choice.id()], within(1e-12));
        }
        double chiSquare = 0;
        for (int i = 0; i < counts.length; i++) {
            double expected = draws * probs[i];
            chiSquare += (counts[i] - expected) * (counts[i] - expected) / expected;
        }
        assertThat(chiSquare).isBetween(3.0, 43.8);
    }

    @Test
    void theSameSeedDrawsTheSame() {
        float[] logits = new float[1_000];
        Sampler a = new Sampler(sampling(1.0, null, null, null), NOTHING_SEEN, 0);
        Sampler b = new Sampler(sampling(1.0, null, null, null), NOTHING_SEEN, 0);
        int differing = 0;
        int last = -1;
        for (int i = 0; i < 100; i++) {
            int id = a.pick(logits, i).id();
            assertThat(b.pick(logits, i).id()).isEqualTo(id);
            if (id != last) differing++;
            last = id;
        }
        assertThat(differing).isGreaterThan(90);
    }

    @Test
    void logitsThatAreNotFiniteAreAProblemThatSaysWhere() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            Sampler sampler = new Sampler(GenerateOptions.DEFAULTS.withDefaults(), NOTHING_SEEN, 0);
            assertThatThrownBy(() -> sampler.pick(new float[] {1, 2, bad}, 17))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.UNSUPPORTED))
                    .hasMessageContaining("position 17")
                    .hasMessageContaining("token 2")
                    .hasMessageContaining(String.valueOf(bad));
        }
    }

    /** Huge and tiny logits neither overflow nor divide by zero. */
    @Test
    void extremeLogitsHaveProbabilities() {
        float[] logits = {3e38f, -3e38f, 0};
        close(distribution(logits, sampling(0.01, null, 0.5, 0.1)), 1, 0, 0);
        assertThat(new Sampler(sampling(100.0, null, null, null), NOTHING_SEEN, 0)
                        .pick(logits, 0)
                        .id())
                .isZero();
    }

    /** A vocabulary of 262,144 in the shape of a real model's: what is picked is possible, and comes again with the seed. */
    @Test
    void aLargeVocabularyIsSampled() {
        Random random = new Random(5);
        float[] peaked = new float[262_144];
        float[] flat = new float[262_144];
        for (int i = 0; i < peaked.length; i++) {
            peaked[i] = (float) (random.nextGaussian() * 3);
            flat[i] = (float) (random.nextGaussian() * 0.1);
        }
        GenerateOptions[] all = {
            GenerateOptions.DEFAULTS.withDefaults(),
            sampling(0.8, 50, 0.95, null),
            sampling(0.8, null, 0.95, null),
            sampling(1.0, 20_000, null, 0.01),
        };
        for (GenerateOptions options : all) {
            for (float[] logits : new float[][] {peaked, flat}) {
                double[] possible = Boolean.TRUE.equals(options.greedy()) ? null : distribution(logits, options);
                Sampler once = new Sampler(options, NOTHING_SEEN, 0);
                Sampler again = new Sampler(options, NOTHING_SEEN, 0);
                for (int i = 0; i < 5; i++) {
                    int id = once.pick(logits, i).id();
                    assertThat(again.pick(logits, i).id()).as("%s", options).isEqualTo(id);
                    if (possible != null)
                        assertThat(possible[id]).as("%s", options).isPositive();
                }
            }
        }
    }

    private static double[] distribution(float[] logits, GenerateOptions options) {
        return new Sampler(options, NOTHING_SEEN, 0).distribution(logits);
    }

    private static void close(double[] found, double... expected) {
        assertThat(found).containsExactly(expected, within(1e-7));
    }

    private static GenerateOptions sampling(Double temperature, Integer topK, Double topP, Double minP) {
        return new GenerateOptions(null, false, temperature, topK, topP, minP, null, 42L, null, null, null, null, null)
                .withDefaults();
    }

    private static GenerateOptions options(JsonNode o) {
        return new GenerateOptions(
                        null,
                        false,
                        number(o, "temperature"),
                        o.has("top_k") ? o.get("top_k").asInt() : null,
                        number(o, "top_p"),
                        number(o, "min_p"),
                        number(o, "repetition_penalty"),
                        1L,
                        null,
                        null,
                        null,
                        null,
                        null)
                .withDefaults();
    }

    private static Double number(JsonNode o, String field) {
        return o.has(field) ? Double.valueOf(o.get(field).asDouble()) : null;
    }

    private static float[] floats(JsonNode array) {
        float[] values = new float[array.size()];
        for (int i = 0; i < values.length; i++) values[i] = (float) array.get(i).asDouble();
        return values;
    }

    private static int[] ints(JsonNode array) {
        int[] values = new int[array.size()];
        for (int i = 0; i < values.length; i++) values[i] = array.get(i).asInt();
        return values;
    }
}
