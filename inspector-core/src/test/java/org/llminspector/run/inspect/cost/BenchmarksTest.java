package org.llminspector.run.inspect.cost;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvFormat;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.run.Inspector;
import org.llminspector.run.TextModel;
import org.llminspector.run.inspect.cost.Benchmarks.Benchmark;
import org.llminspector.run.inspect.cost.Benchmarks.Point;
import org.llminspector.run.request.RunRequest;

public class BenchmarksTest {

    @TempDir
    Path temp;

    @AutoClose
    private Inspector inspector;

    @BeforeEach
    void open() {
        inspector = TextModel.open(temp, 1 << 28);
    }

    private static RunRequest reads(String model, String engine) {
        return RunRequest.builder()
                .model(model)
                .engine(engine)
                .tokens(List.of(3, 4, 5))
                .build();
    }

    @ParameterizedTest
    @CsvSource({"llama,torch", "llama,onnx", "gpt2,torch", "gemma3,onnx"})
    void withACacheTheSameTokensComeOut(String model, String engine) {
        List<Integer> done = new ArrayList<>();
        Benchmarks.Listener listener = new Benchmarks.Listener() {
            @Override
            public void measured(Point point, int n, int total) {
                assertThat(total).isEqualTo(2);
                done.add(n);
            }
        };
        Benchmark b = inspector.analyses().benchmarks().run(reads(model, engine), List.of(20, 5), 3, null, listener);
        assertThat(done).containsExactly(1, 2);
        assertThat(b.engine().form()).isEqualTo("fused");
        assertThat(b.points()).extracting(Point::positions).containsExactly(5, 20);
        for (Point p : b.points()) {
            assertThat(p.sameTokens()).isTrue();
            assertThat(p.maxDifference()).isLessThan(1e-4);
            assertThat(p.decode().runs()).isEqualTo(3);
            assertThat(p.kvCache().positions()).isEqualTo(p.positions() + 3);
            Costs.Cost cost = inspector.analyses().costs().cost(reads(model, engine), 0, 1, List.of(p.positions() + 3));
            assertThat(p.kvCache().bytes()).isEqualTo(cost.contexts().get(0).keptBytes());
        }
    }

    @Test
    void aCacheOfCodesIsRebuiltAsItWas() {
        RunRequest codes = reads("llama", "torch").toBuilder()
                .kvCache(new KvFormats(KvFormat.INT8, null))
                .build();
        Point p = inspector
                .analyses()
                .benchmarks()
                .run(codes, List.of(20), 2, true, Benchmarks.Listener.NONE)
                .points()
                .get(0);
        assertThat(p.kvCache().formats()).isEqualTo(codes.kvCache());
        assertThat(p.sameTokens()).isTrue();
    }

    @Test
    void itEndsBetweenTwoPassesAndTheQueueIsFreeAgain() {
        Benchmarks.Listener soon = new Benchmarks.Listener() {
            private int asked;

            @Override
            public boolean cancelled() {
                return ++asked > 3;
            }
        };
        Problem cancelled = catchThrowableOfType(
                Problem.class,
                () -> inspector.analyses().benchmarks().run(reads("llama", "torch"), List.of(8), 8, true, soon));
        assertThat(cancelled.kind()).isEqualTo(Problem.Kind.CANCELLED);
        assertThat(inspector.queue().status().running()).isZero();
    }

    @Test
    void whatIsTooMuchIsRefused() {
        for (List<Integer> contexts : List.of(List.<Integer>of(), List.of(0), List.of(1_000_000))) {
            Problem p = catchThrowableOfType(Problem.class, () -> inspector
                    .analyses()
                    .benchmarks()
                    .run(reads("llama", "torch"), contexts, 1, true, Benchmarks.Listener.NONE));
            assertThat(p.where()).contains("contexts");
        }
    }
}
