package org.llminspector.run.models;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.bench.SparseModel;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.golden.Golden;
import org.llminspector.run.Inspector;
import org.llminspector.run.InspectorConfig;

@Timeout(120)
class WeightHashTest {

    private static final Path WHERE = Path.of("model");

    @TempDir
    Path temp;

    /** 16 GiB, of which next to nothing is on the disk: their hash takes a minute. */
    @Test
    void aModelIsDescribedBeforeItsWeightsAreHashed() throws IOException {
        String slug = SparseModel.of("qwen3-8b").write(temp).getFileName().toString();
        try (Inspector inspector = open(temp)) {
            Models.ModelDetails details = inspector.models().details(slug);
            assertThat(details.spec().maxContext()).isEqualTo(32_768);
            assertThat(details.weightsSha256()).isNull();
            assertThat(inspector.models().hooks(slug, null)).isNotEmpty();
        } // closing gives the hash up
    }

    @Test
    void theHashIsToldOnceItIsKnown() throws InterruptedException {
        try (Inspector inspector = open(Golden.ROOT);
                Checkpoint checkpoint = Checkpoint.open(Golden.ROOT.resolve("llama"))) {
            String hash = inspector.models().details("llama").weightsSha256();
            while (hash == null) {
                Thread.sleep(10);
                hash = inspector.models().details("llama").weightsSha256();
            }
            assertThat(hash).isEqualTo(checkpoint.sha256());
        }
    }

    @Test
    void oneThatFailedIsComputedAgain() {
        AtomicInteger asked = new AtomicInteger();
        WeightHash hash = new WeightHash(
                WHERE,
                () -> {
                    if (asked.incrementAndGet() == 1) throw Problem.invalid("the disk failed");
                    return "hash";
                },
                () -> {});
        assertThatThrownBy(() -> hash.await(() -> false)).hasMessageContaining("the disk failed");
        assertThat(hash.await(() -> false)).isEqualTo("hash");
        assertThat(hash.known()).isEqualTo("hash");
        assertThat(asked).hasValue(2);
    }

    @Test
    void whoWaitsMayStopAndTheThreadIsItsOwn() {
        CountDownLatch ends = new CountDownLatch(1);
        Thread[] thread = new Thread[1];
        WeightHash hash = new WeightHash(
                WHERE,
                () -> {
                    thread[0] = Thread.currentThread();
                    try {
                        ends.await();
                    } catch (InterruptedException e) {
                        throw new AssertionError(e);
                    }
                    return "hash";
                },
                ends::countDown);
        assertThatThrownBy(() -> hash.await(() -> true))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.CONFLICT));
        assertThat(thread[0].getName()).isEqualTo("weight-hash");
        assertThat(thread[0].isDaemon()).isTrue();
        hash.close();
        assertThat(hash.known()).isEqualTo("hash");
    }

    private Inspector open(Path models) {
        return Inspector.open(new InspectorConfig(List.of(models), null, temp.resolve("runs"), 1L << 30, 1L << 20, 4));
    }
}
