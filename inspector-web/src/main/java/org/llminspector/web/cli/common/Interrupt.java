package org.llminspector.web.cli.common;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Ctrl-C handler that ends a run between two tokens, so that the tokens made so far are stored. */
public final class Interrupt {

    public static final int EXIT_CODE = 130;
    private static final long PATIENCE_S = 10;

    private final CountDownLatch done = new CountDownLatch(1);
    private final Thread hook = new Thread(this::atShutdown, "interrupt");
    private volatile boolean requested;

    public Interrupt() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    public boolean requested() {
        return requested;
    }

    private void atShutdown() {
        requested = true;
        try {
            if (!done.await(PATIENCE_S, TimeUnit.SECONDS)) return;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    public void done() {
        done.countDown();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The shutdown is under way, so its hook cannot be removed.
        }
    }
}
