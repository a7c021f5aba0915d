package org.llminspector.run.sweep;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.run.work.RunQueue;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread that runs one sweep until it is merged or stopped. */
final class SweepThread implements SweepListener {

    /** The sweep's work, told to a listener. */
    interface Work {
        Sweeps.Done run(SweepListener listener);
    }

    private static final Logger LOG = LoggerFactory.getLogger(SweepThread.class);
    private static final long LOOK_MS = 100;

    private final String id;
    private final List<Consumer<Progress>> listeners = new CopyOnWriteArrayList<>();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile SweepJob.State state = SweepJob.State.RUNNING;
    private volatile Progress progress;
    private volatile String trouble;
    private volatile boolean ending;

    private SweepThread(String id) {
        this.id = id;
    }

    static SweepThread start(String id, RunQueue queue, Work work) {
        SweepThread job = new SweepThread(id);
        Thread thread = new Thread(() -> job.run(queue, work), "sweep-" + id);
        thread.setDaemon(true);
        thread.start();
        return job;
    }

    private void run(RunQueue queue, Work work) {
        SweepJob.State last = SweepJob.State.FAILED;
        try {
            // In line: a full queue of runs makes a shard wait, not fail.
            queue.caller("sweep " + id, true).call(() -> work.run(this));
            last = SweepJob.State.FINISHED;
        } catch (Problem p) {
            if (ending) last = SweepJob.State.STOPPED;
            else trouble = p.getMessage();
        } catch (Exception | Error e) {
            LOG.error("sweep {} failed", id, e);
            trouble = "a defect of the program or a machine that failed; the server's log says more";
        }
        state = last;
        done.countDown();
    }

    @Override
    public void progress(Progress p) {
        progress = p;
        listeners.forEach(l -> l.accept(p));
    }

    @Override
    public boolean cancelled() {
        return ending;
    }

    /** Stops it after the batch under way. */
    void end() {
        ending = true;
    }

    boolean ended() {
        return done.getCount() == 0;
    }

    SweepJob.State state() {
        SweepJob.State now = state;
        return ending && now == SweepJob.State.RUNNING ? SweepJob.State.STOPPING : now;
    }

    String id() {
        return id;
    }

    Progress progress() {
        return progress;
    }

    String trouble() {
        return trouble;
    }

    /** Blocks until it has ended or {@code gone} answers true. */
    void watch(Consumer<Progress> listener, BooleanSupplier gone) {
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
}
