package org.llminspector.run.inspect.heads;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.capture.Intervention;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.inspect.heads.RecurrentHeads.Convention;
import org.llminspector.run.inspect.heads.RecurrentHeads.Effective;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;

/** Effective attention against the state that each engine kept: a weighted sum of values is what was read from it. */
public class RecurrentHeadsTest {

    private static final List<Integer> TOKENS = List.of(5, 9, 2, 7, 11, 3, 9, 2);

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    private RunManifest run(String model, String engine, List<Intervention> changes, String... capture) {
        return inspector
                .runs()
                .run(
                        RunRequest.builder()
                                .model(model)
                                .engine(engine)
                                .tokens(TOKENS)
                                .capture(List.of(capture))
                                .interventions(changes)
                                .build(),
                        RunListener.NONE);
    }

    private RecurrentHeads heads() {
        return inspector.analyses().recurrences();
    }

    /** One of each kind: Mamba, Mamba 2 with groups, delta nets of one and of negative eigenvalues, lightning attention, RG-LRU. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "mamba",
                "mamba2",
                "bamba",
                "falcon_h1",
                "qwen3_next",
                "olmo_hybrid",
                "minimax",
                "recurrent_gemma"
            })
    void weightedSumsAreWhatWasRead(String model) {
        for (String engine : List.of("torch", "onnx")) {
            RunManifest run = run(model, engine, List.of(), "logits");
            for (int layer : inspector.models().details(model).spec().recurring()) {
                Effective e = heads().effective(run.id(), layer, Slice.ALL, Slice.ALL);
                assertThat(e.exact()).isTrue();
                assertThat(e.difference())
                        .as(model + " " + layer + " " + engine)
                        .isLessThan(2e-5);
                assertThat(e.weights().shape()).endsWith(TOKENS.size(), TOKENS.size());
                assertThat(e.halfLives()).hasSize((int) e.weights().shape()[0]);
                float[] later = e.weights()
                        .slice(new int[][] {{0, 1}, {2, 3}, {3, TOKENS.size()}})
                        .toFloats();
                assertThat(later).as("no position reads a later one").containsOnly(0f);
            }
        }
    }

    /** Values of a delta net that stand at other keys stay; a value at the same key is overwritten as far as beta says. */
    @Test
    void aSliceIsAPartOfAll() {
        RunManifest run = run("qwen3_next", null, List.of(), "logits", "blocks.0.ssm.*");
        Effective all = heads().effective(run.id(), 0, Slice.ALL, Slice.ALL);
        Effective one = heads().effective(run.id(), 0, Slice.at(2), Slice.at(-1));
        assertThat(one.weights().toFloats())
                .containsExactly(all.weights()
                        .slice(new int[][] {{2, 3}, {7, 8}, {0, 8}})
                        .toFloats());
        assertThat(List.of(one.heads(), one.queries())).containsExactly(2, 7);
        assertThat(one.halfLives()).isEqualTo(all.halfLives());
        assertThat(all.convention()).isEqualTo(Convention.DELTA_RULE);
        assertThat(all.of()).isEqualTo("blocks.0.ssm.hook_v");
    }

    /** Lightning attention forgets at rates that its spec has. */
    @Test
    void halfLivesAreThoseOfTheDecays() {
        RunManifest run = run("minimax", null, List.of(), "logits");
        int layer = inspector.models().details("minimax").spec().recurring().get(0);
        Effective e = heads().effective(run.id(), layer, Slice.at(0), Slice.at(-1));
        List<Float> decays = new ArrayList<>(((org.llminspector.spec.Lightning) inspector
                        .models()
                        .details("minimax")
                        .spec()
                        .layers()
                        .get(layer)
                        .recurrence())
                .decay());
        for (int h = 0; h < decays.size(); h++)
            assertThat(Math.pow(decays.get(h), e.halfLives().get(h))).isCloseTo(0.5, within(1e-5));
    }

    /** A change of the state is no part of the weights: the sum is then not what was read, and the answer says so. */
    @Test
    void aChangedStateIsNotExact() {
        Intervention zero = new Intervention(
                "blocks.0.ssm.hook_state", Intervention.Op.ZERO, null, List.of(4), null, null, null, null, null);
        RunManifest run = run("bamba", null, List.of(zero), "logits");
        Effective e = heads().effective(run.id(), 0, Slice.ALL, Slice.ALL);
        assertThat(e.exact()).isFalse();
        assertThat(e.difference()).isGreaterThan(0.01);
        assertThat(heads().effective(run.id(), 1, Slice.ALL, Slice.ALL).exact()).isTrue();
    }

    @Test
    void attentionIsRefusedByName() {
        RunManifest run = run("qwen3_next", null, List.of(), "logits");
        assertThatThrownBy(() -> heads().effective(run.id(), 3, Slice.ALL, Slice.ALL))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("[0, 1, 2]")
                .hasMessageContaining("blocks.3.attn.hook_pattern");
        RunManifest pure = run("mamba", null, List.of(), "logits");
        assertThatThrownBy(() -> inspector.analyses().heads().thumbnails(pure.id(), 8))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no heads of attention");
        assertThatThrownBy(() -> inspector.analyses().heads().profiles(pure.id()))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("no heads of attention");
    }
}
