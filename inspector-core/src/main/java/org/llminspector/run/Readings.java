package org.llminspector.run;

import java.util.Arrays;
import java.util.function.Function;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.KvPrefix;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.RunRequest;
import org.llminspector.run.store.RunStore;

/**
 * Readings take a request's tokens through a model without keeping a run, and go on from a branch's kept cache where that is
 * the same. Safe on any thread.
 */
record Readings(
        OpenModels models,
        RunStore store,
        RunQueue queue,
        CaptureBudget budget,
        Prefixes prefixes,
        Supplier<String> standardModel) {

    /** Read is a sequence that has been read, and whose logits are known. */
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

        /** A session that holds the same again. */
        Session again(KvPrefix prefix, SessionRequest request) {
            if (prefix != null) return engine.begin(request.after(prefix));
            Session whole = engine.begin(request);
            whole.append(ids.clone());
            return whole;
        }
    }

    /** The request with what it takes over from the run that it is a branch of. */
    RunRequest resolved(RunRequest raw) {
        return Branches.resolved(raw, store);
    }

    /** @param r resolved */
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

    /** @param what the work is called in GET /runs */
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

    /** @param prompt how many of the run's tokens are the prompt, which a mean and a freeze are over */
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

    /** Reads what the session has not read yet: in one pass, or the prompt in a pass of its own where a mean is taken over it. */
    static float[] append(Session session, PreparedRun run, int[] ids, int prompt) {
        if (run.takesMean() && prompt < ids.length) session.append(Arrays.copyOfRange(ids, session.length(), prompt));
        return session.append(Arrays.copyOfRange(ids, session.length(), ids.length));
    }

    static SessionRequest request(PreparedRun run, int positions, Capture clean) {
        int most = Math.min(positions, run.folder().spec().maxContext());
        return new SessionRequest(most, run.hooks(), run.interventions(), run.sources(clean));
    }
}
