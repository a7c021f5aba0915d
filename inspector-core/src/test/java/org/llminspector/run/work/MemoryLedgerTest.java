package org.llminspector.run.work;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

/** The account of the memory budget: what is reserved, evicted and refused. */
public class MemoryLedgerTest {

    private final MemoryLedger ledger = new MemoryLedger(1000);

    /** A cache of equal entries. */
    private static final class Entries implements MemoryLedger.Cache {
        private final long each;
        private int count;

        Entries(int count, long each) {
            this.count = count;
            this.each = each;
        }

        @Override
        public synchronized List<MemoryLedger.Holder> holders() {
            return List.of(new MemoryLedger.Holder("prefixes", "entries", count * each));
        }

        @Override
        public synchronized void evict(long bytes, boolean urgent) {
            count -= (int) Math.min(count, (bytes + each - 1) / each);
        }
    }

    private MemoryLedger.Reservation reserve(long bytes) {
        return ledger.reserve("sequence", "m", bytes, "a prompt", "shorten it");
    }

    @Test
    void whatDoesNotFitIsRefusedWithItsBytesAndWhatHoldsTheRest() {
        try (MemoryLedger.Reservation first = reserve(700)) {
            assertThatThrownBy(() -> reserve(301)).isInstanceOfSatisfying(Problem.class, p -> {
                assertThat(p.kind()).isEqualTo(Problem.Kind.TOO_LARGE);
                assertThat(p.getMessage()).contains("301", "300", "1000 B", "sequence of m 700", "shorten it");
            });
            assertThat(ledger.held()).isEqualTo(700);
            first.shrink(100);
            first.shrink(400);
            assertThat(ledger.held()).as("a reservation only shrinks").isEqualTo(100);
        }
        assertThat(ledger.held()).isZero();
        assertThat(ledger.holders()).isEmpty();
    }

    @Test
    void cachesAreEvictedInTheirOrderAndNoFurtherThanNeeded() {
        Entries first = new Entries(3, 100);
        Entries second = new Entries(5, 100);
        ledger.add(first);
        ledger.add(second);
        try (MemoryLedger.Reservation r = reserve(350)) {
            assertThat(List.of(first.count, second.count)).containsExactly(1, 5);
            assertThat(ledger.held()).isEqualTo(950);
            try (MemoryLedger.Reservation more = reserve(300)) {
                assertThat(List.of(first.count, second.count)).containsExactly(0, 3);
            }
        }
        assertThat(ledger.free()).isEqualTo(700);
    }

    @Test
    void aClosedReservationIsGivenBackOnce() {
        MemoryLedger.Reservation a = reserve(600);
        a.close();
        a.close();
        try (MemoryLedger.Reservation b = reserve(1000)) {
            assertThat(ledger.free()).isZero();
        }
    }

    @Test
    void manyThreadsTogetherNeverHoldMoreThanTheBudget() throws Exception {
        int threads = 8;
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        CountDownLatch start = new CountDownLatch(1);
        AtomicLong held = new AtomicLong();
        AtomicLong most = new AtomicLong();
        List<Future<Integer>> granted = new ArrayList<>();
        for (int t = 0; t < threads; t++) {
            granted.add(pool.submit(() -> {
                start.await();
                int had = 0;
                for (int i = 0; i < 500; i++) {
                    try (MemoryLedger.Reservation r = ledger.tryReserve("pass", "m", 300, true)) {
                        if (r == null) continue;
                        had++;
                        most.accumulateAndGet(held.addAndGet(300), Math::max);
                        held.addAndGet(-300); // before the reservation ends
                    }
                }
                return had;
            }));
        }
        start.countDown();
        int all = 0;
        for (Future<Integer> f : granted) all += f.get();
        pool.shutdown();
        assertThat(all).isPositive();
        assertThat(most.get()).isBetween(300L, ledger.budget());
        assertThat(ledger.held()).isZero();
    }
}
