package org.llminspector.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.llminspector.run.Requests.greedy;
import static org.llminspector.run.Requests.tokens;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;

/** The program closes under load: running work ends and is kept, waiting work is refused, no model closes in use. */
class ClosingTest {

    @TempDir
    Path temp;

    @Test
    void whatRunsIsKeptAndWhatWaitsIsRefused() throws Exception {
        Inspector inspector = TextModel.open(temp, 2L << 20);
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        RunListener holding = new RunListener() {
            @Override
            public void prefilled(KvCacheReport kvCache, double ms) {
                busy.countDown();
                try {
                    go.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            }
        };
        CompletableFuture<RunManifest> running = CompletableFuture.supplyAsync(
                () -> inspector.runs().run(tokens(1, 2, 3).generate(greedy(200)).build(), holding));
        busy.await();
        List<CompletableFuture<RunManifest>> waiting = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            waiting.add(CompletableFuture.supplyAsync(
                    () -> inspector.runs().run(tokens(1, 2).build(), RunListener.NONE)));
            while (inspector.queue().status().waiting() < i) Thread.sleep(5);
        }
        AtomicBoolean closed = new AtomicBoolean();
        Thread closing = new Thread(() -> {
            inspector.close();
            closed.set(true);
        });
        closing.start();
        for (CompletableFuture<RunManifest> w : waiting) {
            assertThatThrownBy(w::join)
                    .isInstanceOf(CompletionException.class)
                    .cause()
                    .isInstanceOfSatisfying(
                            Problem.class, p -> assertThat(p.what()).isEqualTo("the program is closing"));
        }
        assertThat(closed).as("closed while a session was under way").isFalse();
        go.countDown();
        RunManifest kept = running.join();
        closing.join();
        assertThat(kept.generation().finishReason()).isEqualTo("cancelled");
        assertThat(kept.generation().steps()).hasSizeLessThan(3);
        try (RunStore store = RunStore.open(temp.resolve("runs"), 1L << 30)) {
            assertThat(store.manifest(kept.id())).isEqualTo(kept);
            assertThat(store.list(10, null)).hasSize(1);
        }
        assertThatThrownBy(() -> inspector.runs().run(tokens(1, 2).build(), RunListener.NONE))
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(Problem.Kind.BUSY));
    }
}
