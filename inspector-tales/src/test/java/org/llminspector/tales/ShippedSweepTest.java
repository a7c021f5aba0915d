package org.llminspector.tales;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.tuple;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;
import org.llminspector.run.RunListener;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.sweep.Evidence;
import org.llminspector.run.sweep.SweepJob;
import org.llminspector.run.sweep.SweepResults;
import org.llminspector.tokenize.Token;

/** The sweep that ships in the embedded model's folder: what it says is what the model does. */
class ShippedSweepTest {

    private static final Path MODELS = Path.of("../model-cache");
    private static final String MODEL = "tales-4m";

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = Inspector.open(
                new InspectorConfig(List.of(MODELS), null, temp.resolve("runs"), 1L << 30, 256L << 20, 4));
    }

    @Test
    void itsExamplesAreTheModelsOwnValues() {
        for (int[] neuron : new int[][] {{0, 3}, {2, 200}, {4, 135}, {5, 511}}) {
            String hook = "blocks." + neuron[0] + ".mlp.hook_post";
            SweepResults.Unit unit = inspector.sweepJobs().unit(MODEL, hook, neuron[1]);
            assertThat(unit.high().get(0).value()).isEqualTo(unit.max());
            assertThat(unit.low().get(0).value()).isEqualTo(unit.min());
            for (SweepResults.Example e :
                    List.of(unit.high().get(0), unit.high().get(9), unit.low().get(0))) {
                RunManifest run = inspector
                        .runs()
                        .run(
                                RunRequest.builder()
                                        .model(MODEL)
                                        .tokens(e.tokens().stream()
                                                .map(Token::id)
                                                .toList())
                                        .capture(List.of(hook))
                                        .build(),
                                RunListener.NONE);
                Tensor post = inspector.runs().stored().capture(run.id(), HookId.parse(hook)); // [batch, pos, d_mlp]
                double there = post.get(e.position() * post.shape()[2] + neuron[1]);
                assertThat(there).isCloseTo(e.value(), within(1e-4 * Math.max(1, Math.abs(e.value()))));
            }
        }
    }

    @Test
    void itIsEvidenceOfARunOfTheModelAndIsNeverChanged() throws IOException {
        RunManifest run = inspector
                .runs()
                .run(
                        RunRequest.builder()
                                .model(MODEL)
                                .prompt("Once upon a time")
                                .build(),
                        RunListener.NONE);
        Evidence.OfLoss loss = inspector.evidence().loss(run.id());
        assertThat(loss.from().sweep()).isEqualTo(MODEL);
        assertThat(loss.loss().loss()).isBetween(loss.loss().low(), loss.loss().high());
        assertThat(loss.lens().loss()).hasSize(6);
        assertThat(loss.lens().loss().get(5)).isCloseTo(loss.loss().loss(), within(1e-9));
        assertThat(inspector.evidence().heads(run.id()).layers()).hasSize(6);
        SweepResults.Unit whole = inspector.sweepJobs().unit(MODEL, "blocks.4.mlp.hook_post", 135);
        SweepResults.Unit cut = inspector
                .evidence()
                .unit(run.id(), "blocks.4.mlp.hook_post", 135)
                .unit();
        for (int i = 0; i < whole.low().size(); i++) {
            SweepResults.Example a = whole.low().get(i);
            SweepResults.Example b = cut.low().get(i);
            assertThat(b.tokens()).hasSizeLessThanOrEqualTo(29);
            assertThat(b.tokens().get(b.position())).isEqualTo(a.tokens().get(a.position()));
        }

        assertThat(inspector.sweepJobs().list())
                .extracting(SweepJob::id, SweepJob::state)
                .contains(tuple(MODEL, SweepJob.State.FINISHED));
        assertThatThrownBy(() -> inspector.sweepJobs().delete(MODEL))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("came with its model");
        assertThatThrownBy(() -> inspector.sweepJobs().resume(MODEL)).isInstanceOf(Problem.class);
        try (var files = Files.list(MODELS.resolve(MODEL).resolve("sweep"))) {
            assertThat(files.mapToLong(f -> f.toFile().length()).sum())
                    .isPositive()
                    .isLessThanOrEqualTo(1_000_000);
        }
    }
}
