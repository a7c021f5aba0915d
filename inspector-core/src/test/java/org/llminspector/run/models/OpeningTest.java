package org.llminspector.run.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CancellationException;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.local.ModelCache;
import org.llminspector.local.PreparedStore;
import org.llminspector.run.TextModel;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.sandbox.Probes;

@Timeout(120)
class OpeningTest {

    private static final PrecisionPlan PLAN = PrecisionPlan.of(Precision.FP32, null);

    @TempDir
    Path temp;

    @Test
    void oneThatWasCancelledGoesOnForTheNextWaiter() {
        Opening opening = new Opening("tiny", "onnx", "cpu", Precision.FP32, 100);
        assertThat(opening.join()).isTrue();
        opening.leave();
        assertThat(opening.join()).as("its thread has not noticed yet").isTrue();
        opening.read(10);
        assertThat(opening.progress().done()).isEqualTo(10);
        opening.leave();
        assertThatThrownBy(() -> opening.read(10)).isInstanceOf(CancellationException.class);
        assertThat(opening.join()).as("its thread is ending").isFalse();
    }

    @Test
    void oneThatWasCancelledForAllTakesNoWaiter() {
        Opening opening = new Opening("tiny", "onnx", "cpu", Precision.FP32, 100);
        opening.cancel();
        assertThat(opening.join()).isFalse();
        assertThatThrownBy(() -> opening.read(1)).isInstanceOf(CancellationException.class);
    }

    /** ONNX Runtime packs matrices without a check for waiters; here it is a checksum of half a gigabyte. */
    @Test
    void aModelThatIsAskedForAgainIsOpenedOnce() throws IOException {
        Path dir = TextModel.make(temp);
        try (RandomAccessFile sparse =
                new RandomAccessFile(dir.resolve("zeros.bin").toFile(), "rw")) {
            sparse.setLength(512L << 20);
        }
        Files.writeString(
                dir.resolve("SHA256SUMS"),
                "9acca8e8c22201155389f65abbf6bc9723edc7384ead80503839f49dcc56d767  zeros.bin\n");
        Set<Thread> before = openers();
        ModelCache cache = new ModelCache(dir, List.of(), temp.resolve("none"), () -> temp.resolve("none"));
        try (OpenModels models = new OpenModels(
                cache,
                new MemoryLedger(1L << 30),
                new Probes(temp.resolve("verdicts"), true),
                new PreparedStore(temp, 0))) {
            ModelFolder folder = models.folder("tiny-text");
            assertThatThrownBy(() -> models.lease(folder, "onnx", "cpu", PLAN, () -> true))
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CANCELLED));
            assertThat(models.opening("tiny-text")).hasSize(1);
            try (OpenModels.Lease lease = models.lease(folder, "onnx", "cpu", PLAN, () -> false)) {
                Set<Thread> began = new HashSet<>(openers());
                began.removeAll(before);
                assertThat(began).hasSize(1);
                assertThat(models.open("tiny-text")).hasSize(1);
                assertThat(models.opening("tiny-text")).isEmpty();
            }
        }
    }

    private static Set<Thread> openers() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(t -> t.getName().equals("opener"))
                .collect(Collectors.toSet());
    }
}
