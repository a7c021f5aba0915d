package org.llminspector.run.work;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Work on a thread of its own, apart from the queue's worker: it ends by itself or when it is asked to, and its progress can
 * be watched.
 *
 * @param <P> what is heard of its progress
 */
public abstract class WatchedWork<P> {

    /** How work ended. */
    public enum End {
        DONE,
        STOPPED,
        FAILED
    }

    private static final Logger LOG = LoggerFactory.getLogger(WatchedWork.class);
    private static final long LOOK_MS = 100;
    private static final int LOOK_SECONDS = 10;
    /** How often {@link #join} waits: five minutes in all. */
    private static final int LOOKS = 30;

    private final String id;
    private final List<Consumer<P>> listeners = new CopyOnWriteArrayList<>();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile P progress;
    private volatile End end; // null until it has ended
    private volatile String trouble;
    private volatile boolean ending;

    protected WatchedWork(String id) {
        this.id = id;
    }

    /** Begins the work on a thread of this name. */
    protected final void begin(String thread) {
        Thread worker = new Thread(
                () -> {
                    end = end(thread);
                    done.countDown();
                },
                thread);
        worker.setDaemon(true);
        worker.start();
    }

    private End end(String thread) {
        try {
            return work() ? End.DONE : End.STOPPED;
        } catch (Problem p) {
            trouble = p.getMessage();
        } catch (Exception | Error e) {
            LOG.error("{} failed", thread, e);
            trouble = "a defect of the program or a machine that failed; the server's log says more";
        }
        return End.FAILED;
    }

    /** The work; it asks {@link #ending} now and then. Returns whether it was finished, not stopped. */
    protected abstract boolean work() throws Exception;

    /** Tells how far the work is. */
    protected final void heard(P now) {
        progress = now;
        listeners.forEach(l -> l.accept(now));
    }

    public final String id() {
        return id;
    }

    /** Asks the work to end soon. */
    public final void end() {
        ending = true;
    }

    /** Whether it was asked to end. */
    public final boolean ending() {
        return ending;
    }

    public final boolean ended() {
        return done.getCount() == 0;
    }

    /** How it ended; null until then. */
    public final End outcome() {
        return end;
    }

    /** The last that was heard, or null. */
    public final P progress() {
        return progress;
    }

    /** Why it failed, or null. */
    public final String trouble() {
        return trouble;
    }

    /** Blocks until the work has ended or {@code gone} answers true. */
    public final void watch(Consumer<P> listener, BooleanSupplier gone) {
        listeners.add(listener);
        try {
            boolean ended = false;
            while (!ended && !gone.getAsBoolean()) ended = done.await(LOOK_MS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            listeners.remove(listener);
        }
    }

    /** Waits until the work has ended, for five minutes at most, and logs that it waits. */
    public final void join() {
        try {
            for (int i = 0; i < LOOKS; i++) {
                if (done.await(LOOK_SECONDS, TimeUnit.SECONDS)) return;
                LOG.info("Waiting for {} to end and to keep what it has, {} s by now", id, (i + 1) * LOOK_SECONDS);
            }
            LOG.warn("{} has not ended; it goes on from what it kept", id);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
