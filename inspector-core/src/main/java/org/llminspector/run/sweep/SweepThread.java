package org.llminspector.run.sweep;

import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.run.work.RunQueue;
import org.llminspector.run.work.WatchedWork;

/** Thread that runs one sweep until it is merged or stopped. */
final class SweepThread extends WatchedWork<SweepListener.Progress> implements SweepListener {

    private final RunQueue queue;
    private final Consumer<SweepListener> sweep;
    private volatile Estimate estimate;

    private SweepThread(String id, RunQueue queue, Consumer<SweepListener> sweep) {
        super(id);
        this.queue = queue;
        this.sweep = sweep;
    }

    /** @param sweep the work, which tells a listener of itself and asks it whether to end */
    static SweepThread start(String id, RunQueue queue, Consumer<SweepListener> sweep) {
        SweepThread job = new SweepThread(id, queue, sweep);
        job.begin("sweep-" + id);
        return job;
    }

    @Override
    protected boolean work() throws Exception {
        try {
            // In line: a full queue of runs makes a shard wait, not fail.
            return queue.caller("sweep " + id(), true).call(() -> {
                sweep.accept(this);
                return true;
            });
        } catch (Problem p) {
            if (ending()) return false;
            throw p;
        }
    }

    @Override
    public void progress(Progress p) {
        heard(p);
    }

    @Override
    public void estimated(Estimate e) {
        estimate = e;
    }

    /** Null until it is measured. */
    Estimate estimate() {
        return estimate;
    }

    @Override
    public boolean cancelled() {
        return ending();
    }

    SweepJob.State state() {
        if (outcome() != null) {
            return switch (outcome()) {
                case DONE -> SweepJob.State.FINISHED;
                case STOPPED -> SweepJob.State.STOPPED;
                case FAILED -> SweepJob.State.FAILED;
            };
        }
        return ending() ? SweepJob.State.STOPPING : SweepJob.State.RUNNING;
    }
}
