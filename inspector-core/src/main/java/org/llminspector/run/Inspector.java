package org.llminspector.run;

import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.base.Problem;
import org.llminspector.base.RootNames;
import org.llminspector.base.Version;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.Capabilities;
import org.llminspector.engine.Device;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.MemoryUse;
import org.llminspector.hub.Catalog;
import org.llminspector.hub.HubClient;
import org.llminspector.hub.HubSettings;
import org.llminspector.hub.Progress;
import org.llminspector.hub.Pulled;
import org.llminspector.local.ModelCache;
import org.llminspector.local.PreparedStore;
import org.llminspector.run.compare.Comparisons;
import org.llminspector.run.inspect.RunAnalyses;
import org.llminspector.run.inspect.TableFacts;
import org.llminspector.run.inspect.Tokenizations;
import org.llminspector.run.inspect.cost.Benchmarks;
import org.llminspector.run.inspect.cost.Costs;
import org.llminspector.run.inspect.embeddings.Embeddings;
import org.llminspector.run.inspect.heads.HeadCircuits;
import org.llminspector.run.inspect.heads.Heads;
import org.llminspector.run.inspect.neurons.AdditionFourier;
import org.llminspector.run.inspect.neurons.FeedForwards;
import org.llminspector.run.inspect.neurons.NeuronActivations;
import org.llminspector.run.inspect.neurons.Neurons;
import org.llminspector.run.inspect.positions.HeadDistances;
import org.llminspector.run.inspect.positions.Positions;
import org.llminspector.run.inspect.positions.PromptShifts;
import org.llminspector.run.learn.Learning;
import org.llminspector.run.learn.TrainingJobs;
import org.llminspector.run.learn.TrainingRecords;
import org.llminspector.run.models.Branches;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.Forms;
import org.llminspector.run.models.HookDescription;
import org.llminspector.run.models.Hooks;
import org.llminspector.run.models.ModelFacts;
import org.llminspector.run.models.ModelFactsCache;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.store.ComparisonStore;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.ProcessMemory;
import org.llminspector.run.work.RunQueue;
import org.llminspector.sandbox.Probes;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/** Facade of the library: models, runs and analyses. Server and command line are thin layers over it. */
public final class Inspector implements AutoCloseable {

    /**
     * Folders and limits.
     *
     * @param modelRoots folders whose subfolders are models (model-cache)
     * @param model a model folder or .gguf file given by the user, or null; it becomes the default
     * @param runsDir where runs are kept
     * @param runsMaxBytes size above which the oldest runs are deleted; comparisons have the same limit of their own
     * @param captureBudgetBytes most bytes one run may capture
     * @param memoryBytes most bytes of weights, caches, captures, trainings and everything else outside the Java heap,
     *     caches included; {@link #standardMemory} by default
     * @param queueCapacity most pieces of engine work waiting or running; further work is refused as BUSY
     * @param trainedDir where training jobs leave their models
     * @param environment variables that locate the hub and its cache, as in {@link HubSettings}; read when needed
     */
    public record Config(
            List<Path> modelRoots,
            Path model,
            Path runsDir,
            long runsMaxBytes,
            long captureBudgetBytes,
            long memoryBytes,
            int queueCapacity,
            Path trainedDir,
            Map<String, String> environment) {

        /**
         * Three fifths of the memory of this machine, or of the container: the Java heap, which is not part of the
         * budget, may use a quarter, and the rest is for libraries, the page cache and other programs.
         */
        public static long standardMemory() {
            OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
            long all = system instanceof com.sun.management.OperatingSystemMXBean s ? s.getTotalMemorySize() : 8L << 30;
            return all / 5 * 3;
        }

        /** Trained models go next to the runs; the environment is that of the process. */
        public Config(
                List<Path> modelRoots,
                Path model,
                Path runsDir,
                long runsMaxBytes,
                long captureBudgetBytes,
                int queueCapacity) {
            this(
                    modelRoots,
                    model,
                    runsDir,
                    runsMaxBytes,
                    captureBudgetBytes,
                    standardMemory(),
                    queueCapacity,
                    runsDir.toAbsolutePath().resolveSibling("trained"),
                    System.getenv());
        }

        private HubSettings hub() {
            return HubSettings.of(environment, HOME);
        }

        private Path downloaded() {
            return HubSettings.cache(environment, HOME);
        }

        /** Sandboxed probes for files from outside; {@code LLM_INSPECTOR_TRUST=1} trusts all files instead. */
        private Probes probes() {
            boolean trusted = "1".equals(environment.get("LLM_INSPECTOR_TRUST"));
            return new Probes(
                    runsDir.toAbsolutePath().resolveSibling("verdicts").resolve(Version.STRING), trusted);
        }

        /** Store of prepared tensors, at most {@code LLM_INSPECTOR_PREPARED} bytes; 16 GiB by default. */
        private PreparedStore prepared() {
            String limit = environment.getOrDefault("LLM_INSPECTOR_PREPARED", "");
            return new PreparedStore(
                    runsDir.toAbsolutePath().resolveSibling("prepared"),
                    limit.matches("[0-9]{1,18}") ? Long.parseLong(limit) : 16L << 30);
        }

        private static final Path HOME = Path.of(System.getProperty("user.home"));
    }

    /**
     * One row of GET /models.
     *
     * @param open engines on which it is open
     * @param opening engines on which it is being opened
     * @param exported whether it is an ONNX graph exported elsewhere: on onnx only, in its file's precision
     */
    public record ModelSummary(
            String slug,
            String family,
            boolean isDefault,
            String source,
            String path,
            long parameters,
            long bytes,
            int nLayers,
            int dModel,
            boolean hasTokenizer,
            List<EngineInfo> open,
            List<Opening.Progress> opening,
            boolean exported,
            String trouble,
            String checkpointOf,
            Long step) {}

    /**
     * GET /models/{slug}.
     *
     * @param tokenizer null when the folder has none
     * @param task of the training recipe; null for a model that was not trained here
     * @param weightsSha256 null while it is computed
     */
    public record ModelDetails(
            ModelSummary summary, DecoderSpec spec, TokenizerInfo tokenizer, Recipe.Task task, String weightsSha256) {}

    /** Tokenizer properties; {@code chatTemplate} says whether {@code messages} can be used. */
    public record TokenizerInfo(int vocabSize, Integer bosId, Integer eosId, boolean chatTemplate) {}

    /** Most simultaneous pieces of work of callers that wait in line, such as the OpenAI routes. */
    private static final int LINE = 256;

    private final Config config;
    private final List<Path> roots;
    private final ModelCache cache;
    private final ModelFactsCache modelFacts = new ModelFactsCache();
    private final OpenModels models;
    private final ModelWeights weights;
    private final PrefixCache prefixes = new PrefixCache();
    private final TextCache<ScoredToken> texts = new TextCache<>();
    private final Sampling sampling;
    private final TableFacts facts = new TableFacts();
    private final Neurons neurons;
    private final FeedForwards feedForwards;
    private final NeuronActivations activations;
    private final Embeddings embeddings;
    private final Heads heads;
    private final HeadCircuits circuits;
    private final AdditionFourier clocks;
    private final Positions positions;
    private final HeadDistances headDistances;
    private final PromptShifts promptShifts;
    private final RunAnalyses analyses;
    private final Tokenizations tokenizations;
    private final Recaptures recaptures;
    private final Evaluations evaluations;
    private final Costs costs;
    private final Benchmarks benchmarks;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Comparisons comparisons;
    private final TrainingJobs training;
    private final TrainingRecords records;
    private final Learning learning;
    private volatile String chosenDefault; // null for none

    private Inspector(Config config) {
        this.config = config;
        name(config);
        this.roots = List.copyOf(config.modelRoots());
        this.cache = new ModelCache(config.model(), config.modelRoots(), config.trainedDir(), config::downloaded);
        MemoryLedger ledger = new MemoryLedger(config.memoryBytes());
        ledger.add(texts);
        ledger.add(prefixes);
        this.models = new OpenModels(cache, ledger, config.probes(), config.prepared());
        this.store = RunStore.open(config.runsDir(), config.runsMaxBytes());
        this.queue = new RunQueue(config.queueCapacity(), LINE, models::idle, store::newId);
        models.cancelledWhen(() -> queue.cancellation().getAsBoolean());
        this.budget = new CaptureBudget(config.captureBudgetBytes());
        ComparisonStore compared = ComparisonStore.open(config.runsDir().resolve("comparisons"), config.runsMaxBytes());
        this.comparisons = new Comparisons(models, store, queue, budget, compared, this::defaultModel);
        this.training = new TrainingJobs(config.trainedDir(), cache, models.ledger(), models::forget);
        this.records = new TrainingRecords(cache, roots);
        this.weights = new ModelWeights(models);
        this.sampling =
                new Sampling(new ForwardPasses(models, store, queue, budget, prefixes, this::defaultModel), texts);
        this.tokenizations = new Tokenizations(models);
        this.analyses = new RunAnalyses(models, store, queue);
        this.recaptures = new Recaptures(models, store, queue, budget);
        this.neurons = new Neurons(models, store, recaptures);
        this.feedForwards = new FeedForwards(models, store, recaptures, facts);
        this.activations = new NeuronActivations(models, queue);
        this.embeddings = new Embeddings(models, store, recaptures, facts);
        this.heads = new Heads(models, store, queue, recaptures);
        this.circuits = new HeadCircuits(models);
        this.clocks = new AdditionFourier(models, queue);
        this.positions = new Positions(models);
        this.headDistances = new HeadDistances(models, store, recaptures);
        this.promptShifts = new PromptShifts(models, store, queue);
        this.evaluations = new Evaluations(models, queue, this::defaultModel);
        this.costs = new Costs(models, store, queue, budget, this::defaultModel);
        this.benchmarks = new Benchmarks(models, queue, costs);
        this.learning = new Learning(models, queue, budget, this::defaultModel);
    }

    /** Registers the display names of folders in messages to clients. */
    private static void name(Config config) {
        RootNames.add(Config.HOME, "~");
        RootNames.add(config.downloaded(), "huggingface");
        Path kept = config.runsDir().toAbsolutePath().normalize().getParent();
        if (kept != null) RootNames.add(kept);
        RootNames.add(config.runsDir());
        RootNames.add(config.trainedDir());
        config.modelRoots().forEach(RootNames::add);
        if (config.model() != null) RootNames.add(config.model());
    }

    /**
     * Opens the library: missing stores are created; no model is loaded.
     *
     * @throws Problem NOT_FOUND when the given model is no folder, .gguf or .onnx file; STORAGE when the store cannot
     *     be used
     */
    public static Inspector open(Config config) {
        return new Inspector(config);
    }

    /** Every model on this machine except training checkpoints; one that cannot be opened has {@code trouble}. */
    public List<ModelSummary> models() {
        models.forgetChanged();
        String standard = cache.list().isEmpty() ? null : defaultModel();
        return cache.list().stream().map(found -> summary(found, standard)).toList();
    }

    private ModelSummary summary(ModelCache.Found found, String standard) {
        ModelFacts seen = modelFacts.of(found);
        boolean opens = seen.trouble() == null;
        return new ModelSummary(
                found.slug(),
                seen.family(),
                opens && found.slug().equals(standard),
                found.source(),
                RootNames.shown(found.dir()),
                seen.parameters(),
                seen.bytes(),
                seen.nLayers(),
                seen.dModel(),
                seen.hasTokenizer(),
                opens ? models.open(found.slug()) : List.of(),
                opens ? models.opening(found.slug()) : List.of(),
                seen.exported(),
                RootNames.shown(seen.trouble()),
                found.checkpointOf(),
                found.step());
    }

    /** The model's folder, or its .gguf or .onnx file, on this machine. */
    public Path modelPath(String slug) {
        return cache.find(slug).dir();
    }

    /** Recommended models to pull: catalog.json of the first model root that has one. */
    public List<Catalog.Entry> catalog() {
        return shippedCatalog().map(Catalog::models).orElse(List.of());
    }

    private Optional<Catalog> shippedCatalog() {
        return roots.stream()
                .map(root -> root.resolve("catalog.json"))
                .filter(Files::isRegularFile)
                .findFirst()
                .map(Catalog::load);
    }

    /**
     * Downloads a model from the Hugging Face hub into the cache; blocks. It is listed and can be opened afterwards.
     *
     * @throws Problem NOT_FOUND, INVALID, UNSUPPORTED or TOO_LARGE when the hub has no such model, or none that can be
     *     opened or stored here; UPSTREAM when the hub fails; BUSY when it has had too many requests; CONFLICT when it
     *     was cancelled
     */
    public Pulled pull(String repo, String revision, Progress.Listener listener, BooleanSupplier cancelled) {
        try {
            return new HubClient(config.hub()).pull(repo, revision, listener, cancelled);
        } catch (CancellationException e) {
            throw Problem.of(Problem.Kind.CANCELLED, "the pull was cancelled")
                    .where(repo)
                    .instead("pull it again: what has arrived is kept")
                    .causedBy(e);
        }
    }

    /** Sets the default model, for as long as a model of that name exists. */
    public void setDefaultModel(String slug) {
        chosenDefault = slug;
    }

    /**
     * The default model's slug: the given folder, else the one that was set, else the embedded model, else the first in
     * the list.
     *
     * @throws Problem NOT_FOUND when there is none
     */
    public String defaultModel() {
        List<ModelCache.Found> all = cache.list();
        if (all.isEmpty()) {
            throw Problem.notFound("there is no model")
                    .where("model")
                    .instead("start with --model DIR, a folder with config.json and *.safetensors");
        }
        ModelCache.Found first = all.get(0);
        if (first.source().equals("given")) return first.slug();
        List<String> slugs = all.stream().map(ModelCache.Found::slug).toList();
        if (chosenDefault != null && slugs.contains(chosenDefault)) return chosenDefault;
        String embedded = shippedCatalog().map(Catalog::embedded).orElse(null);
        return slugs.contains(embedded) ? embedded : first.slug();
    }

    /**
     * A model's spec, tokenizer and size, and the hash of its weights once it is computed.
     *
     * @throws Problem NOT_FOUND when there is no such model; INVALID or UNSUPPORTED when its files are damaged or its
     *     arithmetic is not known
     */
    public ModelDetails model(String slug) {
        ModelFolder f = models.folder(slug);
        Tokenizer t = f.tokenizer();
        TokenizerInfo info = t == null
                ? null
                : new TokenizerInfo(
                        t.vocabSize(),
                        t.bosId(),
                        t.eosIds().isEmpty() ? null : t.eosIds().get(0),
                        f.hasChatTemplate());
        return new ModelDetails(summary(f.found(), defaultModel()), f.spec(), info, task(f.found()), f.knownSha256());
    }

    /**
     * Engines and precisions in which a model can be opened here, with their memory; only config and headers are read.
     *
     * @throws Problem NOT_FOUND where there is no such model; INVALID or UNSUPPORTED where it cannot be opened at all,
     *     naming the field or tensor
     */
    public Forms forms(String slug) {
        return models.forms(slug);
    }

    private static Recipe.Task task(ModelCache.Found found) {
        Path folder = found.trainingDir();
        if (!Trainer.isIn(folder)) return null;
        try {
            return Trainer.recipe(folder).task();
        } catch (Problem | IllegalArgumentException e) {
            return null; // a file of that name from elsewhere
        }
    }

    /** Training records of models. */
    public TrainingRecords trainingRecords() {
        return records;
    }

    /** Training jobs, running and finished. */
    public TrainingJobs training() {
        return training;
    }

    /**
     * Every hook point, with the reason where this model or engine lacks it.
     *
     * @throws Problem NOT_FOUND when there is no such model; INVALID or UNSUPPORTED when it, or its engine, cannot be
     *     opened
     */
    public List<HookDescription> hooks(String slug, String engine) {
        ModelFolder folder = models.folder(slug);
        Engines.of(engine, folder);
        return Hooks.describe(folder);
    }

    public List<Device> devices() {
        return Engines.devices();
    }

    public List<Capabilities> engines() {
        return Engines.capabilities();
    }

    /**
     * The model's tokenizer.
     *
     * @throws Problem as {@link #model}; UNSUPPORTED when it has no tokenizer
     */
    public Tokenizer tokenizer(String slug) {
        return models.folder(slug).requireTokenizer();
    }

    /**
     * The model's chat template.
     *
     * @throws Problem as {@link #model}; UNSUPPORTED when it has none; INVALID when it cannot be read
     */
    public ChatTemplate chatTemplate(String slug) {
        return models.folder(slug).requireChatTemplate();
    }

    /** Side-by-side tokenizations of one text. */
    public Tokenizations tokenizations() {
        return tokenizations;
    }

    /**
     * Loads a model ahead of its first run.
     *
     * @throws Problem as {@link #model}; UNSUPPORTED when engine, device or precision are not available; TOO_LARGE when
     *     it does not fit the memory; BUSY when the queue is full
     */
    public EngineInfo load(RunRequest r) {
        return load(r, p -> {}, () -> false);
    }

    /** The same, with progress; it ends when {@code cancelled} answers true. */
    public EngineInfo load(RunRequest r, Consumer<Opening.Progress> progress, BooleanSupplier cancelled) {
        ModelFolder folder = models.folder(r.model() == null ? defaultModel() : r.model());
        String engine = Engines.of(r.engine(), folder).id();
        String device = r.device() == null ? "auto" : r.device();
        try (RunQueue.Place place = queue.enter("opening", folder.slug())) {
            BooleanSupplier ends = () -> cancelled.getAsBoolean() || place.cancelled();
            try (OpenModels.Lease lease = models.lease(folder, engine, device, r.plan(), progress, ends)) {
                return place.call(
                        () -> models.engine(folder, engine, device, r.plan()).info());
            }
        }
    }

    /** The memory budget, its holders, and the process's memory as the system measures it. */
    public Memory memory() {
        MemoryUse held = models.held();
        List<MemoryLedger.Holder> holders = models.ledger().holders();
        return new Memory(
                models.ledger().budget(),
                holders.stream().mapToLong(MemoryLedger.Holder::bytes).sum(),
                held.resident(),
                held.mapped(),
                holders,
                ProcessMemory.now(),
                models.holds().stream()
                        .map(h -> new OpenModel(
                                h.getKey(),
                                h.getValue().engine(),
                                h.getValue().memory().resident(),
                                h.getValue().memory().mapped()))
                        .toList());
    }

    /**
     * GET /memory.
     *
     * @param budget most bytes of all holders together ({@code --memory})
     * @param held bytes of all holders
     * @param resident bytes of open models that are the process's own, a part of {@code held}
     * @param mapped bytes of open models' files that are mapped; the system may drop them at any time
     * @param holders every holder of memory, the largest first
     * @param process as measured by the system
     */
    public record Memory(
            long budget,
            long held,
            long resident,
            long mapped,
            List<MemoryLedger.Holder> holders,
            ProcessMemory process,
            List<OpenModel> models) {

        /** Bytes of the holders of one kind. */
        public long held(String kind) {
            return holders.stream()
                    .filter(h -> h.kind().equals(kind))
                    .mapToLong(MemoryLedger.Holder::bytes)
                    .sum();
        }
    }

    /** Memory of one open model. */
    public record OpenModel(String model, EngineInfo engine, long resident, long mapped) {}

    /**
     * Runs to the end on the queue's worker and stores the run. Blocks; the listener gets progress.
     *
     * @throws Problem INVALID when the request contradicts itself or the model; UNSUPPORTED when model, engine or
     *     device cannot do it; TOO_LARGE when prompt or captures do not fit; NOT_FOUND when the model, or a run that
     *     values are taken from, is not there; BUSY when the queue is full
     */
    public RunManifest run(RunRequest raw, RunListener listener) {
        RunRequest request = Branches.resolved(raw, store);
        ModelFolder folder = models.folder(request.model() == null ? defaultModel() : request.model());
        PreparedRun run = PreparedRun.of(request, folder, budget, store);
        try (RunQueue.Place place = queue.enter("run", folder.slug())) {
            String id = place.id();
            listener.queued(id, place.ahead());
            long from = System.nanoTime();
            BooleanSupplier cancelled = () -> listener.cancelled() || place.cancelled();
            RunRequest r = run.request();
            try (OpenModels.Lease lease =
                    models.lease(folder, r.engine(), r.device(), r.plan(), p -> listener.opening(id, p), cancelled)) {
                return place.call(
                        () -> new Execution(id, run, models, store, prefixes, texts, listener, cancelled, from).run());
            }
        }
    }

    public RunStore runs() {
        return store;
    }

    /** Comparisons of two runs: run, stored, listed. */
    public Comparisons comparisons() {
        return comparisons;
    }

    public RunQueue.Status queue() {
        return queue.status();
    }

    /** The engines' work queue: what waits and runs, and how to cancel it. */
    public RunQueue work() {
        return queue;
    }

    /** The weights of every model. */
    public ModelWeights weights() {
        return weights;
    }

    /** Analyses of a stored run. */
    public RunAnalyses analyses() {
        return analyses;
    }

    /** Sampling and scoring without storing a run. */
    public Sampling sampling() {
        return sampling;
    }

    /** Single neurons of a run. */
    public Neurons neurons() {
        return neurons;
    }

    /** Feed-forward parts of a run. */
    public FeedForwards feedForwards() {
        return feedForwards;
    }

    /** Single neurons over a text. */
    public NeuronActivations activations() {
        return activations;
    }

    /** Queries on embedding and unembedding matrices. */
    public Embeddings embeddings() {
        return embeddings;
    }

    /** Fourier analysis of modular-addition models. */
    public AdditionFourier clocks() {
        return clocks;
    }

    /** All attention heads of a run. */
    public Heads heads() {
        return heads;
    }

    /** QK and OV circuits of heads, from weights alone. */
    public HeadCircuits circuits() {
        return circuits;
    }

    /** Position encodings of models. */
    public Positions positions() {
        return positions;
    }

    /** A run's attention scores at other distances. */
    public HeadDistances headDistances() {
        return headDistances;
    }

    /** A run's prompt at shifted positions. */
    public PromptShifts promptShifts() {
        return promptShifts;
    }

    /** Recaptures of hooks that stored runs lack. */
    public Recaptures recaptures() {
        return recaptures;
    }

    /** Parameters, FLOPs, bytes and times of a model's parts. */
    public Costs costs() {
        return costs;
    }

    /** Prefill and decode times at several lengths. */
    public Benchmarks benchmarks() {
        return benchmarks;
    }

    /** Evaluations of models that were trained on the tales. */
    public Evaluations evaluations() {
        return evaluations;
    }

    /** Gradients, single updates, optimizers. */
    public Learning learning() {
        return learning;
    }

    /**
     * Refuses further work, cancels what runs (keeping what it has produced), waits for it and closes all resources.
     * Work that has not ended after minutes keeps its model and the store open until the process ends.
     */
    @Override
    public void close() {
        training.close();
        if (!queue.end()) return;
        learning.close();
        models.close();
        comparisons.close();
        store.close();
    }
}
