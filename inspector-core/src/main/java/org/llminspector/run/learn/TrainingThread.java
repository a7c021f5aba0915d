package org.llminspector.run.learn;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.run.learn.TrainingJob.State;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread that trains one model until its recipe is finished or it is stopped. */
final class TrainingThread implements Trainer.Listener {

    /** Creates the trainer on the thread, since the tales' tokenizer takes long. */
    interface Opening {
        Trainer open();
    }

    private static final Logger LOG = LoggerFactory.getLogger(TrainingThread.class);
    private static final long LOOK_MS = 100;
    private static final int LOOK_SECONDS = 10;
    /** How often {@link #join} waits: five minutes in all, for one update and its saving. */
    private static final int LOOKS = 30;

    private final String id;
    private final Recipe recipe;
    private final Consumer<String> changed;
    private final List<Consumer<Trainer.Progress>> listeners = new CopyOnWriteArrayList<>();
    private final CountDownLatch done = new CountDownLatch(1);
    private volatile State state = State.STARTING;
    private volatile Trainer.Progress progress;
    private volatile String trouble;
    private volatile boolean ending;

    private TrainingThread(String id, Recipe recipe, Consumer<String> changed) {
        this.id = id;
        this.recipe = recipe;
        this.changed = changed;
    }

    /** @param memory closed when the training has ended */
    static TrainingThread start(
            String id, Recipe recipe, Opening opening, Consumer<String> changed, AutoCloseable memory) {
        TrainingThread job = new TrainingThread(id, recipe, changed);
        Thread thread = new Thread(() -> job.run(opening, memory), "training-" + id);
        thread.setDaemon(true);
        thread.start();
        return job;
    }

    private void run(Opening opening, AutoCloseable memory) {
        State last = State.FAILED;
        try (memory;
                Trainer trainer = opening.open()) {
            state = State.RUNNING;
            trainer.run(this);
            boolean whole = progress == null || progress.row().step() >= recipe.steps();
            last = whole ? State.FINISHED : State.STOPPED;
        } catch (Problem p) {
            trouble = p.getMessage();
        } catch (Exception | Error e) {
            LOG.error("training {} failed", id, e);
            trouble = "a defect of the program or a machine that failed; the server's log says more";
        }
        try {
            changed.accept(id);
        } catch (RuntimeException e) {
            LOG.warn("model {} may be shown as it was before it was trained", id, e);
        }
        state = last;
        done.countDown();
    }

    @Override
    public void progress(Trainer.Progress p) {
        progress = p;
        listeners.forEach(l -> l.accept(p));
    }

    @Override
    public boolean stop() {
        return ending;
    }

    /** Stops training after the current step. */
    void end() {
        ending = true;
    }

    boolean ended() {
        return done.getCount() == 0;
    }

    State state() {
        State now = state;
        return ending && (now == State.RUNNING || now == State.STARTING) ? State.STOPPING : now;
    }

    String id() {
        return id;
    }

    Recipe recipe() {
        return recipe;
    }

    Trainer.Progress progress() {
        return progress;
    }

    String trouble() {
        return trouble;
    }

    /** Blocks until the job has ended or {@code gone} answers true. */
    void watch(Consumer<Trainer.Progress> listener, BooleanSupplier gone) {
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

    /** Waits until training has ended and is saved, and logs that it waits. */
    void join() {
        try {
            for (int i = 0; i < LOOKS; i++) {
                if (done.await(LOOK_SECONDS, TimeUnit.SECONDS)) return;
                LOG.info("Waiting for training {} to save what it has learnt, {} s by now", id, (i + 1) * LOOK_SECONDS);
            }
            LOG.warn("Training {} has not ended; it can be resumed from its last saved state", id);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
