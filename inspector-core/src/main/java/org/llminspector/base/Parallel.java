package org.llminspector.base;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Parallel does pieces of work on all cores and returns when none of them runs any more, also when one has failed: a stream
 * throws at once, and the others would go on writing into memory that is freed by then.
 */
public final class Parallel {

    private Parallel() {}

    /** Pieces 0 to {@code count - 1}; after the first failure no others begin, and it is thrown when all have ended. */
    public static void each(int count, IntConsumer work) {
        AtomicReference<Throwable> failure = new AtomicReference<>();
        IntStream all = IntStream.range(0, count);
        (count > 1 ? all.parallel() : all).forEach(i -> {
            if (failure.get() != null) return;
            try {
                work.accept(i);
            } catch (RuntimeException | Error e) {
                failure.compareAndSet(null, e);
            }
        });
        if (failure.get() instanceof RuntimeException e) throw e;
        if (failure.get() instanceof Error e) throw e;
    }
}
