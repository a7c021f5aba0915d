package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Failed work has ended when its failure is thrown: no piece still writes. */
class ParallelTest {

    @Test
    void nothingRunsAnyMoreWhenAFailureIsThrown() {
        for (int round = 0; round < 50; round++) {
            AtomicInteger running = new AtomicInteger();
            assertThatThrownBy(() -> Parallel.each(64, i -> {
                        running.incrementAndGet();
                        try {
                            if (i % 7 == 3) throw new CancellationException();
                            LockSupport.parkNanos(200_000);
                        } finally {
                            running.decrementAndGet();
                        }
                    }))
                    .isInstanceOf(CancellationException.class);
            assertThat(running).hasValue(0);
        }
    }

    @Test
    void everyPieceIsDoneOnce() {
        AtomicInteger sum = new AtomicInteger();
        for (int n = 0; n < 100; n++) {
            sum.set(0);
            Parallel.each(n, i -> sum.addAndGet(i + 1));
            assertThat(sum).hasValue(n * (n + 1) / 2);
        }
    }
}
