package org.llminspector.run;

import java.util.function.BooleanSupplier;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.run.models.Branches;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.RunQueue;

/** Runs: made, stored, recaptured; and sampling and scoring, which store none. Thread-safe. */
public final class Runs {

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Supplier<String> standard;
    private final Caches caches;
    private final Sampling sampling;
    private final Recaptures recaptures;

    /** KV prefixes and token scores that runs and scoring reuse; registered before the models, so evicted before them. */
    record Caches(PrefixCache prefixes, TextCache<ScoredToken> texts) {

        static Caches in(MemoryLedger ledger) {
            Caches caches = new Caches(new PrefixCache(), new TextCache<>());
            ledger.add(caches.texts());
            ledger.add(caches.prefixes());
            return caches;
        }
    }

    /** @param standard the default model's slug */
    Runs(
            OpenModels models,
            RunStore store,
            RunQueue queue,
            CaptureBudget budget,
            Caches caches,
            Supplier<String> standard) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
        this.standard = standard;
        this.caches = caches;
        this.sampling = new Sampling(
                new ForwardPasses(models, store, queue, budget, caches.prefixes(), standard), caches.texts());
        this.recaptures = new Recaptures(models, store, queue, budget);
    }

    /**
     * Runs to the end on the queue's worker and stores the run. Blocks; the listener gets progress.
     *
     * @throws Problem INVALID when the request contradicts itself or the model; UNSUPPORTED when model, engine or
     *     device cannot do it; TOO_LARGE when prompt or captures do not fit; NOT_FOUND when the model, or a run that
     *     values are taken from, is not there; BUSY when the queue is full
     */
    public RunManifest run(RunRequest raw, RunListener listener) {
        RunRequest request = Branches.resolved(raw, store);
        ModelFolder folder = models.folder(request.model() == null ? standard.get() : request.model());
        PreparedRun run = PreparedRun.of(request, folder, budget, store);
        try (RunQueue.Place place = queue.enter("run", folder.slug())) {
            String id = place.id();
            listener.queued(id, place.ahead());
            long from = System.nanoTime();
            BooleanSupplier cancelled = () -> listener.cancelled() || place.cancelled();
            RunRequest r = run.request();
            try (OpenModels.Lease lease =
                    models.lease(folder, r.engine(), r.device(), r.plan(), p -> listener.opening(id, p), cancelled)) {
                return place.call(() -> new Execution(
                                id, run, models, store, caches.prefixes(), caches.texts(), listener, cancelled, from)
                        .run());
            }
        }
    }

    /** The finished runs on disk. */
    public RunStore stored() {
        return store;
    }

    /** Sampling and scoring without storing a run. */
    public Sampling sampling() {
        return sampling;
    }

    /** Recaptures of hooks that stored runs lack. */
    public Recaptures recaptures() {
        return recaptures;
    }
}
