package org.llminspector.web.server.http;

import java.util.List;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.generate.GeneratedToken;
import org.llminspector.run.RunListener;
import org.llminspector.run.Runs;
import org.llminspector.run.models.Opening;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.tokenize.Token;

/** One run under way. */
public final class LiveRun extends LiveWork implements RunListener {

    private final Metrics metrics;
    private final boolean reuses;

    public LiveRun(Metrics metrics, Consumer<RunEvent> events) {
        this(metrics, false, events);
    }

    /** @param reuses whether its prompt was just scored, so that the KV cache is reused */
    public LiveRun(Metrics metrics, boolean reuses, Consumer<RunEvent> events) {
        super(events);
        this.metrics = metrics;
        this.reuses = reuses;
    }

    /** Runs to the end. Blocks. */
    public RunManifest run(Runs runs, RunRequest request) {
        String outcome = "failed";
        try {
            RunManifest manifest = runs.run(request, this);
            boolean cut = manifest.generation() != null
                    && "cancelled".equals(manifest.generation().finishReason());
            outcome = cut ? "cancelled" : "finished";
            return manifest;
        } catch (Problem p) {
            if (p.kind() == Problem.Kind.CANCELLED) outcome = "cancelled";
            else if (p.kind().httpStatus() < 500) outcome = "refused";
            throw p;
        } finally {
            metrics.run(outcome);
        }
    }

    @Override
    public boolean reuses() {
        return reuses;
    }

    @Override
    public void opening(String id, Opening.Progress progress) {
        send("opening", progress);
    }

    @Override
    public void started(String id, List<Token> prompt) {
        send("started", new RunEvent.Started(id, prompt, prompt.size()));
    }

    @Override
    public void prefilled(KvCacheReport kvCache, double ms) {
        send("prefilled", new RunEvent.Prefilled(kvCache, ms));
    }

    @Override
    public void token(GeneratedToken token, KvCacheReport kvCache) {
        metrics.tokenGenerated();
        send("token", new RunEvent.Step(token, kvCache));
    }
}
