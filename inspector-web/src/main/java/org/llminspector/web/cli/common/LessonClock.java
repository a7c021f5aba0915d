package org.llminspector.web.cli.common;

import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.llminspector.base.Plural;
import org.llminspector.web.lesson.LessonProgress;

/** Progress line of a lesson's export, written anew each second. */
public final class LessonClock {

    private final Progress line;
    private final long start = System.nanoTime();
    private final ScheduledExecutorService seconds = Executors.newSingleThreadScheduledExecutor(task -> {
        Thread thread = new Thread(task, "lesson-clock");
        thread.setDaemon(true);
        return thread;
    });
    private final ScheduledFuture<?> ticks;
    private volatile LessonProgress last = new LessonProgress(0, 0, "the run");

    public LessonClock(Progress line) {
        this.line = line;
        this.ticks = seconds.scheduleAtFixedRate(this::tick, 0, 1, TimeUnit.SECONDS);
    }

    public void show(LessonProgress progress) {
        last = progress;
    }

    private void tick() {
        LessonProgress now = last;
        line.show((System.nanoTime() - start) / 1_000_000_000 + " s, " + Plural.of(now.answers(), "answer")
                + (now.leftOut() > 0 ? " (" + now.leftOut() + " left out)" : "") + ", asking " + now.asking());
    }

    /** Erases the line; how many answers were left out. */
    public int stop() {
        ticks.cancel(false);
        seconds.shutdownNow();
        line.clear();
        return last.leftOut();
    }
}
