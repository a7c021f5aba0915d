package org.llminspector.run.inspect;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.TextModel;
import org.llminspector.run.inspect.Directions.Direction;
import org.llminspector.run.request.RunRequest;

/** A direction is the difference of the means that runs of the texts, one by one, have. */
class DirectionsTest {

    private static final String HOOK = "blocks.1.hook_mlp_out";

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 26);
    }

    private Direction direction(
            String engine, List<RunRequest> positive, List<RunRequest> negative, String hook, int pos) {
        RunRequest how = RunRequest.builder().model("tiny-text").engine(engine).build();
        return inspector.analyses().directions().differenceOfMeans(how, positive, negative, hook, pos);
    }

    private static RunRequest ids(Integer... ids) {
        return RunRequest.builder().tokens(List.of(ids)).build();
    }

    @Test
    void isTheDifferenceOfTheMeansOfRuns() {
        // Of equal and of other lengths, so that rows run together and come back in order.
        List<RunRequest> positive = List.of(ids(3, 4, 5), ids(9, 8), ids(7, 1, 2));
        List<RunRequest> negative = List.of(ids(11, 12), ids(13, 14, 15, 16));
        for (String engine : List.of("torch", "onnx")) {
            for (int pos : new int[] {-1, -2, 0}) {
                Direction d = direction(engine, positive, negative, HOOK, pos);
                double[] mean = new double[d.values().size()];
                add(mean, engine, positive, pos, 1);
                add(mean, engine, negative, pos, -1);
                double norm = 0;
                for (int i = 0; i < mean.length; i++) {
                    assertThat(d.values().get(i).doubleValue()).isCloseTo(mean[i], within(1e-5));
                    norm += mean[i] * mean[i];
                }
                assertThat(d.norm()).isCloseTo(Math.sqrt(norm), within(1e-4));
                double apart = d.positive().stream()
                                .mapToDouble(x -> x)
                                .average()
                                .orElseThrow()
                        - d.negative().stream().mapToDouble(x -> x).average().orElseThrow();
                assertThat(apart).as("the means lie the norm apart").isCloseTo(d.norm(), within(1e-4));
                assertThat(d.meanNorm()).isPositive();
            }
        }
        int kept = inspector.runs().stored().list(100, null).size();
        direction("torch", positive, negative, HOOK, -1);
        assertThat(inspector.runs().stored().list(100, null))
                .as("no run is kept of it")
                .hasSize(kept);
    }

    private void add(double[] mean, String engine, List<RunRequest> texts, int pos, double sign) {
        for (RunRequest text : texts) {
            RunRequest r = text.toBuilder()
                    .model("tiny-text")
                    .engine(engine)
                    .capture(List.of(HOOK))
                    .build();
            String run = inspector.runs().run(r, RunListener.NONE).id();
            Tensor value = inspector.runs().stored().capture(run, HookId.parse(HOOK));
            int at = pos < 0 ? (int) value.shape()[1] + pos : pos;
            for (int i = 0; i < mean.length; i++) {
                mean[i] += sign * value.get((long) at * mean.length + i) / texts.size();
            }
        }
    }

    @Test
    void whatHasNoDirectionIsRefused() {
        List<RunRequest> some = List.of(ids(3, 4));
        refused(() -> direction("torch", List.of(), some, HOOK, -1), "positive");
        refused(() -> direction("torch", some, Collections.nCopies(257, ids(1)), HOOK, -1), "negative");
        refused(() -> direction("torch", some, some, HOOK, -1), "equal means");
        List<RunRequest> three = List.of(ids(3, 4), ids(5, 6, 7), ids(8));
        refused(
                () -> direction("torch", three, List.of(three.get(2), three.get(0), three.get(1)), HOOK, -1),
                "equal means");
        refused(() -> direction("torch", some, List.of(ids(1), ids(5000)), HOOK, 0), "negative[1]");
        refused(() -> direction("torch", some, List.of(ids(1)), HOOK, 1), "negative[0]");
        refused(() -> direction("torch", some, List.of(ids(1)), "blocks.0.attn.hook_z", -1), "one vector");
        refused(() -> direction("torch", some, List.of(ids(1)), "blocks.*.hook_mlp_out", -1), "hooks");
        refused(() -> direction("torch", some, List.of(ids(1)), "blocks.0.hook_nothing", -1), "hook_nothing");
        refused(
                () -> direction(
                        "torch",
                        some,
                        List.of(RunRequest.builder().prompt("a ".repeat(400)).build()),
                        HOOK,
                        -1),
                "negative[0]");
    }

    private static void refused(org.assertj.core.api.ThrowableAssert.ThrowingCallable ask, String words) {
        assertThatThrownBy(ask).isInstanceOf(Problem.class).hasMessageContaining(words);
    }
}
