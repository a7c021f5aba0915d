package org.llminspector.web.server;

import java.util.List;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.engine.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.Inspector;
import org.llminspector.run.RunListener;
import org.llminspector.run.RunManifest;
import org.llminspector.run.RunRequest;
import org.llminspector.tokenize.Token;

/** LiveRun is one run under way: it tells of itself in events and can be cancelled from any thread. */
final class LiveRun implements RunListener, ActiveRuns.Live {

    private final ActiveRuns active;
    private final Metrics metrics;
    private final Consumer<RunEvent> events;
    private volatile boolean cancelled;

    /** @param events hears of the run, on the run's thread, and must not block it */
    LiveRun(ActiveRuns active, Metrics metrics, Consumer<RunEvent> events) {
        this.active = active;
        this.metrics = metrics;
        this.events = events;
    }

    /** Runs to the end. Blocks. */
    RunManifest run(Inspector inspector, RunRequest request) {
        String outcome = "failed";
        active.add(this);
        try {
            RunManifest manifest = inspector.run(request, this);
            boolean cut = manifest.generation() != null
                    && "cancelled".equals(manifest.generation().finishReason());
            outcome = cut ? "cancelled" : "finished";
            return manifest;
        } catch (Problem p) {
            outcome = cancelled ? "cancelled" : p.kind() == Problem.Kind.INTERNAL ? "failed" : "refused";
            throw p;
        } finally {
            active.remove(this);
            metrics.run(outcome);
        }
    }

    /** Ends the run between two tokens; one that still waits does not begin. */
    @Override
    public void cancel() {
        cancelled = true;
    }

    @Override
    public boolean cancelled() {
        return cancelled;
    }

    @Override
    public void queued(String id, int ahead) {
        active.known(id, this);
        events.accept(new RunEvent("queued", new RunEvent.Queued(id, ahead)));
    }

    @Override
    public void started(String id, List<Token> prompt) {
        events.accept(new RunEvent("started", new RunEvent.Started(id, prompt, prompt.size())));
    }

    @Override
    public void prefilled(KvCacheReport kvCache, double ms) {
        events.accept(new RunEvent("prefilled", new RunEvent.Prefilled(kvCache, ms)));
    }

    @Override
    public void token(GeneratedToken token, KvCacheReport kvCache) {
        metrics.tokenGenerated();
        events.accept(new RunEvent("token", new RunEvent.Step(token, kvCache)));
    }
}
