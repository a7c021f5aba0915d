package org.llminspector.run.models;

import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.checkpoint.Checkpoint;

/**
 * SHA-256 of a model's weights, computed on a background thread since it reads every byte (minutes for tens of
 * gigabytes). A failed computation is retried on the next request. Thread-safe.
 */
final class WeightHash {

    private static final long POLL_MS = 100;

    private final Path model;
    private final Supplier<String> compute;
    private final Runnable giveUp;
    private CompletableFuture<String> hash;

    WeightHash(Checkpoint checkpoint) {
        this(checkpoint.dir(), checkpoint::sha256, checkpoint::giveUpHash);
    }

    /** @param giveUp makes a running computation end with a CancellationException */
    WeightHash(Path model, Supplier<String> compute, Runnable giveUp) {
        this.model = model;
        this.compute = compute;
        this.giveUp = giveUp;
    }

    /** Starts the computation, or joins one that runs or is done. */
    synchronized CompletableFuture<String> begin() {
        if (hash != null && !hash.isCompletedExceptionally()) return hash;
        CompletableFuture<String> begun = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        begun.complete(compute.get());
                    } catch (Throwable t) {
                        begun.completeExceptionally(t);
                    }
                },
                "weight-hash");
        thread.setDaemon(true);
        hash = begun;
        thread.start();
        return begun;
    }

    /** The hash; null until it is computed, which this call starts. */
    String known() {
        CompletableFuture<String> now = begin();
        return now.isDone() && !now.isCompletedExceptionally() ? now.join() : null;
    }

    /** Blocks until the hash is computed. */
    String await(BooleanSupplier cancelled) {
        CompletableFuture<String> now = begin();
        while (true) {
            try {
                return now.get(POLL_MS, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                if (cancelled.getAsBoolean()) throw cancelled();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw cancelled();
            } catch (ExecutionException e) {
                if (e.getCause() instanceof CancellationException) throw cancelled();
                if (e.getCause() instanceof RuntimeException failed) throw failed;
                if (e.getCause() instanceof Error error) throw error;
                throw new IllegalStateException(e.getCause());
            }
        }
    }

    private Problem cancelled() {
        return Problem.of(Problem.Kind.CONFLICT, "the hash of the weights was not waited for")
                .where(model)
                .instead("ask again");
    }

    /** Cancels a running computation and waits until it has ended. */
    synchronized void close() {
        giveUp.run();
        if (hash != null) hash.handle((ok, failed) -> ok).join();
    }
}
