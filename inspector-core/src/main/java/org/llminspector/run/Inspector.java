package org.llminspector.run;

import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.local.ModelCache;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.lab.Labs;
import org.llminspector.run.learn.Learning;
import org.llminspector.run.learn.TrainingJobs;
import org.llminspector.run.learn.TrainingRecords;
import org.llminspector.run.models.Models;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.store.AnalysisStore;
import org.llminspector.run.store.ComparisonStore;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.sweep.Evidence;
import org.llminspector.run.sweep.ImportanceSources;
import org.llminspector.run.sweep.SweepJobs;
import org.llminspector.run.sweep.Sweeps;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.RunQueue;

/** Facade of the library: models, runs and analyses. Server and command line are thin layers over it. */
public final class Inspector implements AutoCloseable {

    /** Most simultaneous pieces of work of callers that wait in line, such as the OpenAI routes. */
    private static final int LINE = 256;

    /**
     * Training of models.
     *
     * @param jobs running and finished
     * @param records loss curves and kept checkpoints in models' folders
     * @param learning gradients, single updates, optimizers
     */
    public record Training(TrainingJobs jobs, TrainingRecords records, Learning learning) {}

    private final OpenModels open;
    private final RunStore store;
    private final RunQueue queue;
    private final Models models;
    private final Runs runs;
    private final Comparisons comparisons;
    private final Analyses analyses;
    private final Labs labs;
    private final Training training;
    private final Sweeps sweeps;
    private final SweepJobs sweepJobs;
    private final Evidence evidence;
    private final ImportanceSources importances;

    private Inspector(InspectorConfig config) {
        config.nameFolders();
        ModelCache cache = new ModelCache(config.model(), config.modelRoots(), config.trainedDir(), config::downloaded);
        CaptureBudget budget = new CaptureBudget(config.captureBudgetBytes());
        MemoryLedger ledger = new MemoryLedger(config.memoryBytes());
        Runs.Caches caches = Runs.Caches.in(ledger);
        open = new OpenModels(cache, ledger, config.probes(), config.prepared());
        store = RunStore.open(config.runsDir(), config.runsMaxBytes());
        queue = new RunQueue(config.queueCapacity(), LINE, open::idle, store::newId);
        open.cancelledWhen(() -> queue.cancellation().getAsBoolean());
        models = new Models(config.modelRoots(), config::hub, cache, open, queue);
        runs = new Runs(open, store, queue, budget, caches, models::defaultSlug);
        ComparisonStore compared = ComparisonStore.open(config.runsDir().resolve("comparisons"), config.runsMaxBytes());
        sweeps = new Sweeps(open, queue, models::defaultSlug);
        comparisons = new Comparisons(open, store, queue, budget, compared, models::defaultSlug, sweeps);
        analyses = Analyses.of(open, store, queue, budget, runs.recaptures(), models::defaultSlug);
        AnalysisStore analysed = AnalysisStore.open(config.runsDir().resolve("analyses"));
        labs = new Labs(open, queue, analysed, models::defaultSlug);
        sweepJobs = new SweepJobs(
                config.runsDir().resolve("sweeps"),
                config.runsDir().toAbsolutePath().resolveSibling("corpora"),
                sweeps,
                queue,
                store::newId,
                cache);
        evidence = new Evidence(sweepJobs, store);
        importances = new ImportanceSources(open, sweepJobs);
        training = new Training(
                new TrainingJobs(config.trainedDir(), cache, ledger, open::forget),
                new TrainingRecords(cache, config.modelRoots()),
                new Learning(open, queue, budget, models::defaultSlug));
    }

    /**
     * Opens the library: missing stores are created; no model is loaded.
     *
     * @throws Problem NOT_FOUND when the given model is no folder, .gguf or .onnx file; STORAGE when the store cannot
     *     be used
     */
    public static Inspector open(InspectorConfig config) {
        return new Inspector(config);
    }

    /** The models on this machine. */
    public Models models() {
        return models;
    }

    /** Runs, made and stored. */
    public Runs runs() {
        return runs;
    }

    /** Comparisons of two runs: run, stored, listed. */
    public Comparisons comparisons() {
        return comparisons;
    }

    /** Analyses of runs, models and texts. */
    public Analyses analyses() {
        return analyses;
    }

    /** Causal analyses of two runs: run, stored, listed. */
    public Labs labs() {
        return labs;
    }

    /** Sweeps of models over corpora, run by the caller into a folder of its choice. */
    public Sweeps sweeps() {
        return sweeps;
    }

    /** Sweeps that this program runs by itself, kept beside the runs. */
    public SweepJobs sweepJobs() {
        return sweepJobs;
    }

    /** What sweeps say of a run's model. */
    public Evidence evidence() {
        return evidence;
    }

    /** What quantization errors are weighted by. */
    public ImportanceSources importances() {
        return importances;
    }

    /** Training jobs, their records, gradients. */
    public Training training() {
        return training;
    }

    /** The engines' work queue: what waits and runs, and how to cancel it. */
    public RunQueue queue() {
        return queue;
    }

    /**
     * Refuses further work, cancels what runs (keeping what it has produced), waits for it and closes all resources.
     * Work that has not ended after minutes keeps its model and the store open until the process ends.
     */
    @Override
    public void close() {
        training.jobs().close();
        sweepJobs.close();
        if (!queue.end()) return;
        training.learning().close();
        open.close();
        comparisons.close();
        labs.close();
        store.close();
    }
}
