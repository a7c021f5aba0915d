package org.llminspector.run.learn;

import java.util.function.Consumer;
import org.llminspector.run.learn.TrainingJob.State;
import org.llminspector.run.work.WatchedWork;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Thread that trains one model until its recipe is finished or it is stopped. */
final class TrainingThread extends WatchedWork<Trainer.Progress> implements Trainer.Listener {

    /** Creates the trainer on the thread, since the tales' tokenizer takes long. */
    interface Opening {
        Trainer open();
    }

    private static final Logger LOG = LoggerFactory.getLogger(TrainingThread.class);

    private final Recipe recipe;
    private final Opening opening;
    private final Consumer<String> changed;
    private final AutoCloseable memory;
    private volatile boolean opened;

    private TrainingThread(String id, Recipe recipe, Opening opening, Consumer<String> changed, AutoCloseable memory) {
        super(id);
        this.recipe = recipe;
        this.opening = opening;
        this.changed = changed;
        this.memory = memory;
    }

    /** @param memory closed when the training has ended */
    static TrainingThread start(
            String id, Recipe recipe, Opening opening, Consumer<String> changed, AutoCloseable memory) {
        TrainingThread job = new TrainingThread(id, recipe, opening, changed, memory);
        job.begin("training-" + id);
        return job;
    }

    @Override
    protected boolean work() throws Exception {
        try (memory;
                Trainer trainer = opening.open()) {
            opened = true;
            trainer.run(this);
            return progress() == null || progress().row().step() >= recipe.steps();
        } finally {
            try {
                changed.accept(id());
            } catch (RuntimeException e) {
                LOG.warn("model {} may be shown as it was before it was trained", id(), e);
            }
        }
    }

    @Override
    public void progress(Trainer.Progress p) {
        heard(p);
    }

    @Override
    public boolean stop() {
        return ending();
    }

    State state() {
        if (outcome() != null) {
            return switch (outcome()) {
                case DONE -> State.FINISHED;
                case STOPPED -> State.STOPPED;
                case FAILED -> State.FAILED;
            };
        }
        return ending() ? State.STOPPING : opened ? State.RUNNING : State.STARTING;
    }

    Recipe recipe() {
        return recipe;
    }
}
