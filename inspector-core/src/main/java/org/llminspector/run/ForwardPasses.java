package org.llminspector.run;

import java.util.Arrays;
import java.util.function.Function;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.engine.cache.KvPrefix;
import org.llminspector.run.models.Branches;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;

/**
 * Forward passes over a request's tokens without storing a run, continuing from a branch's cached KV prefix where the
 * result is the same. Thread-safe.
 */
record ForwardPasses(
        OpenModels models,
        RunStore store,
        RunQueue queue,
        CaptureBudget budget,
        PrefixCache prefixes,
        Supplier<String> standardModel) {

    /** A sequence that has been read, with its logits. */
    record Read(
            PreparedRun run,
            int[] ids,
            InspectorEngine engine,
            Session session,
            float[] logits,
            int reused,
            double ms) {

        int generated() {
            return run.request().branch() == null
                    ? ids.length
                    : run.request().branch().generatedFrom();
        }

        /** Begins another session with the same sequence. */
        Session replay(KvPrefix prefix, SessionRequest request) {
            if (prefix != null) return engine.begin(request.after(prefix));
            Session whole = engine.begin(request);
            whole.append(ids.clone());
            return whole;
        }
    }

    /** The request with the settings of the run that it branches from. */
    RunRequest resolved(RunRequest raw) {
        return Branches.resolved(raw, store);
    }

    /** @param r resolved by {@link #resolved} */
    PreparedRun prepared(RunRequest r) {
        if (r.capture() != null && !r.capture().isEmpty()) {
            throw Problem.invalid("nothing is captured where no run is kept")
                    .where("capture")
                    .found(r.capture())
                    .instead("make a run of it: POST /api/v1/runs");
        }
        ModelFolder folder = models.folder(r.model() == null ? standardModel.get() : r.model());
        return PreparedRun.of(r, folder, budget, store);
    }

    /** @param what kind of work listed in GET /runs */
    <T> T engine(String what, PreparedRun run, Function<InspectorEngine, T> then) {
        RunRequest r = run.request();
        try (RunQueue.Place place = queue.enter(what, run.folder().slug());
                OpenModels.Lease lease =
                        models.lease(run.folder(), r.engine(), r.device(), r.plan(), place::cancelled)) {
            return place.call(() -> then.apply(models.engine(run.folder(), r)));
        }
    }

    <T> T read(String what, PreparedRun run, int morePositions, Function<Read, T> then) {
        return read(what, run, run.tokens().size(), morePositions, then);
    }

    /** @param prompt number of prompt tokens, over which means and freezes are taken */
    <T> T read(String what, PreparedRun run, int prompt, int morePositions, Function<Read, T> then) {
        return engine(what, run, engine -> {
            int[] ids = run.ids();
            KvPrefix prefix = prefixes.of(run, engine.info(), store);
            try (Capture clean = run.clean(engine, Arrays.copyOf(ids, prompt));
                    Session session = engine.begin(
                            request(run, ids.length + morePositions, clean).after(prefix))) {
                long from = System.nanoTime();
                float[] logits = append(session, run, ids, prompt);
                double ms = (System.nanoTime() - from) / 1e6;
                int reused = prefix == null ? 0 : prefix.length();
                return then.apply(new Read(run, ids, engine, session, logits, reused, ms));
            }
        });
    }

    /** Appends what the session has not read yet, in one pass; in two where a mean is taken over the prompt. */
    static float[] append(Session session, PreparedRun run, int[] ids, int prompt) {
        if (run.takesMean() && prompt < ids.length) session.append(Arrays.copyOfRange(ids, session.length(), prompt));
        return session.append(Arrays.copyOfRange(ids, session.length(), ids.length));
    }

    static SessionRequest request(PreparedRun run, int positions, Capture clean) {
        int most = Math.min(positions, run.folder().spec().maxContext());
        return new SessionRequest(most, run.hooks(), run.interventions(), run.sources(clean));
    }
}
