package org.llminspector.base;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * Parallel loop on all cores that returns only after every piece has ended, even if one fails. A parallel stream throws
 * at once, while other pieces still write into memory that the caller then frees.
 */
public final class Parallel {

    private Parallel() {}

    /** Runs pieces 0 to {@code count - 1}; after a failure no others start, and it is thrown when all have ended. */
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
