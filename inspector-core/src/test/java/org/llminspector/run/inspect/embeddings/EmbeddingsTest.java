package org.llminspector.run.inspect.embeddings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.analysis.Pca;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.run.Inspector;
import org.llminspector.run.Requests;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.inspect.embeddings.Embeddings.Captured;
import org.llminspector.run.inspect.embeddings.Embeddings.Metric;
import org.llminspector.run.inspect.embeddings.Embeddings.Neighbour;
import org.llminspector.run.inspect.embeddings.Embeddings.Of;
import org.llminspector.run.inspect.embeddings.Embeddings.Table;
import org.llminspector.run.store.RunManifest;

/** scripts/golden/make_neighbours.py made the golden with numpy. */
public class EmbeddingsTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    @ParameterizedTest
    @ValueSource(strings = {"llama", "llama_bf16", "gpt2", "gemma2"})
    void findsWhatNumpyFinds(String model) {
        JsonNode golden =
                Json.readObject(Path.of("src/test/resources/neighbours.json")).get(model);
        for (JsonNode c : golden.get("neighbours")) {
            Of of = new Of(ints(c.get("plus")), ints(c.get("minus")), null);
            Metric metric = c.get("metric").asText().equals("dot") ? Metric.DOT : Metric.COSINE;
            Embeddings.Neighbours found =
                    inspector.analyses().embeddings().neighbours(model, Table.EMBED, of, metric, 10);
            assertThat(found.neighbours()).extracting(Neighbour::id).isEqualTo(ints(c.get("ids")));
            for (int i = 0; i < 10; i++) {
                double expected = c.get("scores").get(i).asDouble();
                assertThat(found.neighbours().get(i).score())
                        .isCloseTo(expected, within(1e-5 * Math.max(1, Math.abs(expected))));
            }
            List<Integer> all = new ArrayList<>(of.plus());
            all.addAll(of.minus());
            assertThat(found.leftOut()).containsExactlyInAnyOrderElementsOf(all);
        }
        for (JsonNode c : golden.get("pca")) {
            Embeddings.Map map =
                    inspector.analyses().embeddings().map(model, Table.EMBED, ints(c.get("ids")), List.of());
            for (int k = 0; k < 3; k++) {
                assertThat(map.shares().get(k)).isCloseTo(c.get("shares").get(k).asDouble(), within(1e-6));
            }
            for (int i = 0; i < map.points().size(); i++) {
                for (int k = 0; k < 3; k++) {
                    assertThat(Math.abs(map.points().get(i).at().get(k)))
                            .isCloseTo(c.get("at").get(i).get(k).asDouble(), within(1e-4));
                }
            }
        }
        for (JsonNode c : golden.get("waves")) {
            Embeddings.Waves waves = inspector
                    .analyses()
                    .embeddings()
                    .waves(model, Table.EMBED, c.get("period").asInt(), 1);
            double all = 0;
            for (Embeddings.Wave w : waves.waves()) {
                assertThat(w.share())
                        .isCloseTo(c.get("shares").get(w.turns() - 1).asDouble(), within(1e-6));
                all += w.share();
                if (w.at() == null) continue;
                assertThat(w.turns()).isEqualTo(c.get("turns").asInt());
                for (int i = 0; i < w.at().size(); i++) {
                    double length =
                            Math.hypot(w.at().get(i).get(0), w.at().get(i).get(1));
                    assertThat(length).isCloseTo(c.get("lengths").get(i).asDouble(), within(1e-4));
                }
            }
            assertThat(all).as("Parseval").isCloseTo(1, within(1e-9));
        }
        JsonNode n = golden.get("norms");
        Embeddings.Norms norms = inspector.analyses().embeddings().norms(model, Table.EMBED, 8, 3);
        assertThat(norms.counts()).isEqualTo(ints(n.get("counts")));
        assertThat(norms.min()).isCloseTo(n.get("min").asDouble(), within(1e-5));
        assertThat(norms.max()).isCloseTo(n.get("max").asDouble(), within(1e-5));
        assertThat(norms.mean()).isCloseTo(n.get("mean").asDouble(), within(1e-5));
        assertThat(norms.longest().get(0).norm()).isCloseTo(norms.max(), within(1e-6));
        assertThat(norms.shortest().get(0).norm()).isCloseTo(norms.min(), within(1e-6));
    }

    /** A word's first vector is its row; the layers rewrite it. */
    @Test
    void capturedVectorsHaveNeighboursAndPlaces() {
        RunManifest run =
                inspector.runs().run(Requests.prompt("Once upon a time").build(), RunListener.NONE);
        int id = run.tokens().get(2).id();
        Captured first = new Captured(run.id(), "hook_embed", 2);
        Captured later = new Captured(run.id(), "blocks.1.hook_resid_post", 2);
        Embeddings e = inspector.analyses().embeddings();
        Neighbour nearest = e.neighbours("tiny-text", Table.EMBED, new Of(null, null, first), Metric.COSINE, 1)
                .neighbours()
                .get(0);
        assertThat(nearest.id()).isEqualTo(id);
        assertThat(nearest.score()).isCloseTo(1, within(1e-6));
        Embeddings.Map map = e.map("tiny-text", Table.EMBED, List.of(id, 7, 8, 9), List.of(first, first, later));
        for (int k = 0; k < 3; k++) {
            assertThat(map.vectors().get(0).at().get(k))
                    .isCloseTo(map.points().get(0).at().get(k), within(1e-5));
        }
        assertThat(map.vectors().get(0).cosine()).isNull();
        assertThat(map.vectors().get(1).cosine()).isCloseTo(1, within(1e-9));
        assertThat(map.vectors().get(2).cosine()).isLessThan(1);
        refuses(new Of(null, null, null), "of");
        refuses(new Of(List.of(1), null, first), "of");
        refuses(new Of(List.of(1, -1), null, null), "of.plus[1]");
        refuses(new Of(null, null, new Captured(run.id(), "blocks.0.attn.hook_q", 0)), "vector.hook");
        Problem other = catchThrowableOfType(
                Problem.class, () -> e.neighbours("llama", Table.EMBED, new Of(null, null, first), Metric.COSINE, 1));
        assertThat(other.where()).isEqualTo("vector.run");
    }

    private void refuses(Of of, String where) {
        Problem p = catchThrowableOfType(
                Problem.class,
                () -> inspector.analyses().embeddings().neighbours("tiny-text", Table.EMBED, of, Metric.COSINE, 1));
        assertThat(p.where()).isEqualTo(where);
    }

    /** Vectors on a line keep all their variance in one direction, and equal ones have none. */
    @Test
    void linesAndPoints() {
        float[][] line = {{0, 0, 1}, {1, 2, 1}, {2, 4, 1}, {-3, -6, 1}};
        Pca pca = Pca.of(line, 2);
        assertThat(pca.shares()[0]).isCloseTo(1, within(1e-12));
        assertThat(pca.place(line[2])[0] - pca.place(line[1])[0]).isCloseTo(Math.sqrt(5), within(1e-6));
        Pca none = Pca.of(new float[][] {{1, 2}, {1, 2}, {1, 2}}, 2);
        assertThat(none.shares()).containsExactly(0, 0);
        assertThat(none.place(new float[] {1, 2})).containsExactly(0, 0);
    }

    private static List<Integer> ints(JsonNode array) {
        List<Integer> ints = new ArrayList<>();
        for (JsonNode n : array) ints.add(n.asInt());
        return ints;
    }
}
