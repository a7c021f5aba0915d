package org.llminspector.run.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

/** The queue admits as many as it says, serves them in their order, and lets go of what is cancelled. */
public class RunQueueTest {

    private final AtomicInteger ids = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final CountDownLatch go = new CountDownLatch(1);
    private RunQueue queue;
    private CompletableFuture<String> held = CompletableFuture.completedFuture("held");

    @AfterEach
    void end() {
        go.countDown();
        assertThat(held.join()).isEqualTo("held");
        queue.close();
        threads.shutdown();
    }

    private void open(int capacity, int line) {
        queue = new RunQueue(capacity, line, () -> {}, () -> "id" + ids.incrementAndGet());
    }

    private <T> CompletableFuture<T> begin(Callable<T> work) throws InterruptedException {
        int before = queue.entries().size();
        CompletableFuture<T> result = CompletableFuture.supplyAsync(
                () -> {
                    try {
                        return work.call();
                    } catch (RuntimeException e) {
                        throw e;
                    } catch (Exception e) {
                        throw new IllegalStateException(e);
                    }
                },
                threads);
        while (queue.entries().size() == before && !result.isDone()) Thread.sleep(1);
        return result;
    }

    /** Work that keeps the worker busy until {@link #go}. */
    private void hold() throws InterruptedException {
        held = begin(() -> queue.call("holder", "tiny", () -> {
            go.await();
            return "held";
        }));
        while (queue.status().running() == 0) Thread.sleep(1);
    }

    private static void is(Problem.Kind kind, ThrowingCallable call) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(kind));
    }

    private static void ended(Problem.Kind kind, CompletableFuture<?> work) {
        assertThatThrownBy(work::join)
                .isInstanceOf(CompletionException.class)
                .cause()
                .isInstanceOfSatisfying(Problem.class, p -> assertThat(p.kind()).isEqualTo(kind));
    }

    @Test
    void aCapacityOfOneAdmitsOne() throws Exception {
        open(1, 1);
        hold();
        is(Problem.Kind.BUSY, () -> queue.call("second", null, () -> "never"));
        assertThat(queue.status()).isEqualTo(new RunQueue.Status(1, 0, 1));
        go.countDown();
        assertThat(held.join()).isEqualTo("held");
        assertThat(queue.call("third", null, () -> "now")).isEqualTo("now");
    }

    @Test
    void aCapacityOfThreeAdmitsThree() throws Exception {
        open(3, 1);
        hold();
        List<CompletableFuture<String>> admitted = new ArrayList<>();
        for (int i = 0; i < 2; i++) admitted.add(begin(() -> queue.call("run", null, () -> "done")));
        assertThat(queue.status()).isEqualTo(new RunQueue.Status(1, 2, 3));
        is(Problem.Kind.BUSY, () -> queue.enter("run", null));
        go.countDown();
        admitted.forEach(CompletableFuture::join);
    }

    /** Callers that wait in line have a bound of their own, and neither kind of caller shuts the other out. */
    @Test
    void theLineIsBoundedToo() throws Exception {
        open(1, 2);
        hold();
        RunQueue.Caller patient = queue.caller("POST /v1/completions", true);
        List<CompletableFuture<String>> waiting = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            waiting.add(begin(() -> patient.call(() -> queue.call("run", null, () -> "done"))));
        }
        assertThat(queue.entries()).hasSize(3);
        is(Problem.Kind.BUSY, () -> patient.call(() -> queue.enter("run", null)));
        is(Problem.Kind.BUSY, () -> queue.enter("run", null));
        go.countDown();
        waiting.forEach(w -> assertThat(w.join()).isEqualTo("done"));
    }

    @Test
    void whoComesFirstIsServedFirst() throws Exception {
        open(100, 100);
        hold();
        List<Integer> served = Collections.synchronizedList(new ArrayList<>());
        List<CompletableFuture<Boolean>> all = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            int number = i;
            Callable<Boolean> work = () -> queue.call("run", null, () -> served.add(number));
            RunQueue.Caller patient = queue.caller("POST /v1/completions", true);
            all.add(begin(i % 2 == 0 ? work : () -> patient.call(work)));
        }
        List<RunQueue.Entry> entries = queue.entries();
        for (int i = 0; i < entries.size(); i++) {
            assertThat(entries.get(i).ahead()).isEqualTo(i);
            assertThat(entries.get(i).status()).isEqualTo(i == 0 ? "running" : "waiting");
        }
        go.countDown();
        all.forEach(CompletableFuture::join);
        assertThat(served).isSorted().hasSize(50);
    }

    /** A place is taken when the work is admitted: what is ready earlier does not overtake it, once it is ready too. */
    @Test
    void theOrderIsThatOfAdmission() throws Exception {
        open(10, 1);
        hold();
        List<String> served = Collections.synchronizedList(new ArrayList<>());
        try (RunQueue.Place first = queue.enter("run", null)) {
            CompletableFuture<Boolean> second = begin(() -> queue.call("run", null, () -> served.add("second")));
            CompletableFuture<Boolean> ready =
                    CompletableFuture.supplyAsync(() -> first.call(() -> served.add("first")), threads);
            assertThat(first.ahead()).isEqualTo(1);
            while (!first.ready()) Thread.sleep(1);
            go.countDown();
            ready.join();
            second.join();
        }
        assertThat(served).containsExactly("first", "second");
    }

    @Test
    void waitingWorkIsCancelledByItsIdAtOnce() throws Exception {
        open(10, 1);
        hold();
        CompletableFuture<String> waiting = begin(() -> queue.call("lens", "tiny", () -> "never"));
        RunQueue.Entry entry = queue.entries().get(1);
        assertThat(entry.what()).isEqualTo("lens");
        assertThat(entry.model()).isEqualTo("tiny");
        assertThat(queue.cancel(entry.id())).isTrue();
        ended(Problem.Kind.CANCELLED, waiting);
        assertThat(queue.entries()).hasSize(1);
        assertThat(queue.cancel(entry.id())).isFalse();
    }

    @Test
    void runningWorkHearsThatItIsCancelled() throws Exception {
        open(10, 1);
        CountDownLatch busy = new CountDownLatch(1);
        CompletableFuture<String> running = begin(() -> queue.call("lens", "tiny", () -> {
            BooleanSupplier cancelled = queue.cancellation();
            busy.countDown();
            while (!cancelled.getAsBoolean()) Thread.sleep(1);
            queue.checkCancelled();
            return "never";
        }));
        busy.await();
        assertThat(queue.cancel(queue.entries().get(0).id())).isTrue();
        ended(Problem.Kind.CANCELLED, running);
    }

    @Test
    void aCancelledCallerLeavesWithAllItsWork() throws Exception {
        open(10, 10);
        hold();
        RunQueue.Caller gone = queue.caller("POST /api/v1/runs", false);
        List<CompletableFuture<String>> its = new ArrayList<>();
        for (int i = 0; i < 3; i++) its.add(begin(() -> gone.call(() -> queue.call("run", null, () -> "never"))));
        CompletableFuture<String> other = begin(() -> queue.call("run", null, () -> "done"));
        assertThat(queue.entries().get(1).request()).isEqualTo("POST /api/v1/runs");
        gone.cancel();
        its.forEach(w -> ended(Problem.Kind.CANCELLED, w));
        is(Problem.Kind.CANCELLED, () -> gone.call(() -> queue.enter("run", null)));
        assertThat(queue.entries()).hasSize(2);
        go.countDown();
        assertThat(other.join()).isEqualTo("done");
    }
}
