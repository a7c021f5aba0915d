package org.llminspector.engine.torch.libtorch;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDScope;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.llminspector.base.Problem;
import org.llminspector.djl.Djl;

/**
 * The single thread for all DJL work: grad mode, gradient collectors and NDScopes are thread-local, and gradients are
 * off only on the thread that loaded the engine.
 */
public final class EngineThread {

    private static volatile Thread engineThread;
    private static volatile boolean loaded;

    private static final ExecutorService THREAD = Executors.newSingleThreadExecutor(task -> {
        Thread thread = new Thread(task, "engine");
        thread.setDaemon(true);
        engineThread = thread;
        return thread;
    });

    static {
        Djl.prepare();
        Libtorch.prepare();
    }

    private EngineThread() {}

    /** DJL's PyTorch engine; the first call loads it. */
    public static Engine engine() {
        Engine engine = Engine.getEngine("PyTorch");
        if (!loaded) Libtorch.quiet();
        loaded = true;
        return engine;
    }

    private static <T> T now(Callable<T> work) throws ExecutionException {
        try {
            return work.call();
        } catch (Exception e) {
            throw new ExecutionException(e);
        }
    }

    /** {@link #call}, after which the arrays are freed that the work made and did not unregister. */
    public static <T> T scoped(Callable<T> work) {
        return call(() -> {
            try (NDScope scope = new NDScope()) {
                scope.suppressNotUsedWarning();
                return work.call();
            }
        });
    }

    /** {@link #call} of work without a result. */
    public static void run(Runnable work) {
        call(() -> {
            work.run();
            return null;
        });
    }

    /** Runs the work on the engine's thread and waits for it; directly when called on that thread. */
    public static <T> T call(Callable<T> work) {
        try {
            if (Thread.currentThread() == engineThread) return now(work);
            return THREAD.submit(work).get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw Problem.of(Problem.Kind.BUSY, "the work was interrupted").causedBy(e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            if (cause instanceof Error error) throw error;
            if (cause instanceof EngineException) {
                Throwable reason = cause;
                while (reason.getCause() != null) reason = reason.getCause();
                String message = String.valueOf(reason.getMessage()).strip();
                throw Problem.of(Problem.Kind.INTERNAL, "PyTorch refused the work")
                        .found(message.lines().findFirst().orElse(message))
                        .causedBy(cause);
            }
            if (cause instanceof RuntimeException runtime) throw runtime;
            throw new IllegalStateException(cause);
        }
    }
}
