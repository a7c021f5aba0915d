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
import org.llminspector.run.learn.Learning;
import org.llminspector.run.learn.TrainingJobs;
import org.llminspector.run.learn.TrainingRecords;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.Forms;
import org.llminspector.run.models.MemoryLedger;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.ModelWeights;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.ComparisonStore;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunRequest;
import org.llminspector.run.store.RunStore;
import org.llminspector.sandbox.Probes;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/** Inspector is the whole program as a library: models, runs and analyses. The server and the command line are thin over it. */
public final class Inspector implements AutoCloseable {

    /**
     * Config is where things are and how much is allowed.
     *
     * @param modelRoots folders whose subfolders are models (model-cache)
     * @param model a model folder or .gguf file given by the user, or null; it becomes the default
     * @param runsDir where runs are kept
     * @param runsMaxBytes oldest runs go when the store is larger; oldest comparisons, when theirs is
     * @param captureBudgetBytes most bytes one run may capture
     * @param memoryBytes most bytes of weights, caches, captures, trainings and all else that grows outside the Java heap, and of
     *     what is kept to be reused; {@link #standardMemory} by default
     * @param queueCapacity most pieces of engine work waiting or running; one more is refused as BUSY
     * @param trainedDir where training jobs leave their models
     * @param environment what says where the hub and its cache are, as in {@link HubSettings}; read when needed
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
         * Three fifths of the memory of this machine, or of the container: the Java heap, which is not part of the budget, may take a
         * quarter, and the rest is for libraries, the page cache and other programs.
         */
        public static long standardMemory() {
            OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
            long all = system instanceof com.sun.management.OperatingSystemMXBean s ? s.getTotalMemorySize() : 8L << 30;
            return all / 5 * 3;
        }

        /** Trained models go beside the runs, and the environment is the process's. */
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

        /** What opens files from outside first; {@code LLM_INSPECTOR_TRUST=1} says that all of them are trusted. */
        private Probes trials() {
            boolean trusted = "1".equals(environment.get("LLM_INSPECTOR_TRUST"));
            return new Probes(
                    runsDir.toAbsolutePath().resolveSibling("verdicts").resolve(Version.STRING), trusted);
        }

        /** At most {@code LLM_INSPECTOR_PREPARED} bytes, 16 GiB unless it says otherwise. */
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
     * @param open the engines that hold it now
     * @param opening those that it is being opened on
     * @param exported whether it is a graph that somebody else exported: on onnx only, in its file's precision
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
     * @param task what a recipe of this program taught the model; null for one from elsewhere
     * @param weightsSha256 null while it is computed
     */
    public record ModelDetails(
            ModelSummary summary, DecoderSpec spec, TokenizerInfo tokenizer, Recipe.Task task, String weightsSha256) {}

    /** What the tokenizer is like; chatTemplate says whether `messages` can be put to the model. */
    public record TokenizerInfo(int vocabSize, Integer bosId, Integer eosId, boolean chatTemplate) {}

    /** Most pieces of work at once of callers that wait in line, as those of the OpenAI interface do. */
    private static final int LINE = 256;

    private final Config config;
    private final List<Path> roots;
    private final ModelCache cache;
    private final ModelFactsCache modelFacts = new ModelFactsCache();
    private final OpenModels models;
    private final ModelWeights weights;
    private final Prefixes prefixes = new Prefixes();
    private final Texts<ScoredToken> texts = new Texts<>();
    private final Sampling sampling;
    private final TableFacts facts = new TableFacts();
    private final Neurons neurons;
    private final FeedForwards feedForwards;
    private final NeuronActivations activations;
    private final Embeddings embeddings;
    private final Heads heads;
    private final HeadCircuits circuits;
    private final Clocks clocks;
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
        this.models = new OpenModels(cache, ledger, config.trials(), config.prepared());
        this.store = RunStore.open(config.runsDir(), config.runsMaxBytes());
        this.queue = new RunQueue(config.queueCapacity(), LINE, models::idle, store::newId);
        models.cancelledWhen(() -> queue.cancellation().getAsBoolean());
        this.budget = new CaptureBudget(config.captureBudgetBytes());
        ComparisonStore compared = ComparisonStore.open(config.runsDir().resolve("comparisons"), config.runsMaxBytes());
        this.comparisons = new Comparisons(models, store, queue, budget, compared, this::defaultModel);
        this.training = new TrainingJobs(config.trainedDir(), cache, models.ledger(), models::forget);
        this.records = new TrainingRecords(cache, roots);
        this.weights = new ModelWeights(models);
        this.sampling = new Sampling(new Readings(models, store, queue, budget, prefixes, this::defaultModel), texts);
        this.tokenizations = new Tokenizations(models);
        this.analyses = new RunAnalyses(models, store, queue);
        this.recaptures = new Recaptures(models, store, queue, budget);
        this.neurons = new Neurons(models, store, recaptures);
        this.feedForwards = new FeedForwards(models, store, recaptures, facts);
        this.activations = new NeuronActivations(models, queue);
        this.embeddings = new Embeddings(models, store, recaptures, facts);
        this.heads = new Heads(models, store, queue, recaptures);
        this.circuits = new HeadCircuits(models);
        this.clocks = new Clocks(models, queue);
        this.positions = new Positions(models);
        this.headDistances = new HeadDistances(models, store, recaptures);
        this.promptShifts = new PromptShifts(models, store, queue);
        this.evaluations = new Evaluations(models, queue, this::defaultModel);
        this.costs = new Costs(models, store, queue, budget, this::defaultModel);
        this.benchmarks = new Benchmarks(models, queue, costs);
        this.learning = new Learning(models, queue, budget, this::defaultModel);
    }

    /** Clients are told of folders by these names. */
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
     * Opens the program: stores are made where there are none, and no model is loaded.
     *
     * @throws Problem NOT_FOUND when the given model is no folder, .gguf or .onnx file; STORAGE when the store cannot be
     *     used
     */
    public static Inspector open(Config config) {
        return new Inspector(config);
    }

    /** Every model on this machine but checkpoints; one that cannot be opened says why in {@code trouble}. */
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

    /** Models that are good to pull: catalog.json of the first model root that has one. */
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
     * Brings a model from the Hugging Face hub into the cache; blocks. It is listed and can be opened afterwards.
     *
     * @throws Problem NOT_FOUND, INVALID, UNSUPPORTED or TOO_LARGE when the hub has no such model, or none that can be opened
     *     or kept here; UPSTREAM when the hub fails; BUSY when it has had too many requests; CONFLICT when it was cancelled
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

    /** Makes a model the one that a request without a model means, for as long as there is a model of that name. */
    public void setDefaultModel(String slug) {
        chosenDefault = slug;
    }

    /**
     * The slug that a request without a model means: the given folder, else the one that was set, else the embedded model, else
     * the first there is.
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
     * What a model is: its arithmetic, tokenizer and size; and the hash of its weights once it is computed.
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
     * In which engines and precisions a model can be opened here, and in how much memory; of its files only config and
     * headers are read.
     *
     * @throws Problem NOT_FOUND where there is no such model; INVALID or UNSUPPORTED where it cannot be opened at all: the
     *     field or tensor in the way
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

    /** How models were trained. */
    public TrainingRecords trainingRecords() {
        return records;
    }

    /** Models that are being trained here, and those that were. */
    public TrainingJobs training() {
        return training;
    }

    /**
     * Every hook point, with a reason where this model or engine does not have it.
     *
     * @throws Problem NOT_FOUND when there is no such model; INVALID or UNSUPPORTED when it, or its engine, cannot be opened
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

    /** One text, split by several tokenizers. */
    public Tokenizations tokenizations() {
        return tokenizations;
    }

    /**
     * Loads a model ahead of its first run.
     *
     * @throws Problem as {@link #model}; UNSUPPORTED when engine, device or precision cannot be had; TOO_LARGE when it does not
     *     fit the memory; BUSY when the queue is full
     */
    public EngineInfo load(RunRequest r) {
        return load(r, p -> {}, () -> false);
    }

    /** The same; the listener hears how far it is, and it ends when nobody wants it any more. */
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

    /** The memory budget, what holds how much of it, and what the process takes as the system measures it. */
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
     * @param mapped bytes of open models' files that are read in place: the system may drop them at any time
     * @param holders the account, the largest first
     * @param process what the system says of the process
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

    /** What one open model holds. */
    public record OpenModel(String model, EngineInfo engine, long resident, long mapped) {}

    /**
     * Runs to the end, on the queue's worker, and keeps the run. Blocks; the listener hears of it meanwhile.
     *
     * @throws Problem INVALID when the request contradicts itself or the model; UNSUPPORTED when model, engine or device cannot
     *     do it; TOO_LARGE when prompt or captures do not fit; NOT_FOUND when the model, or a run that values are taken from, is
     *     not there; BUSY when the queue is full
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

    /** Two runs side by side: made, kept, and read again. */
    public Comparisons comparisons() {
        return comparisons;
    }

    public RunQueue.Status queue() {
        return queue.status();
    }

    /** The waiting line of the engines: what waits and runs, and how to cancel it. */
    public RunQueue work() {
        return queue;
    }

    /** The weights of every model. */
    public ModelWeights weights() {
        return weights;
    }

    /** What can be read out of a kept run. */
    public RunAnalyses analyses() {
        return analyses;
    }

    /** What a model might say next, without keeping a run. */
    public Sampling sampling() {
        return sampling;
    }

    /** Single neurons of a run. */
    public Neurons neurons() {
        return neurons;
    }

    /** Whole feed-forward parts of a run. */
    public FeedForwards feedForwards() {
        return feedForwards;
    }

    /** Single neurons over a text. */
    public NeuronActivations activations() {
        return activations;
    }

    /** What models' tables of vectors hold. */
    public Embeddings embeddings() {
        return embeddings;
    }

    /** What a model does that was taught to add on a clock. */
    public Clocks clocks() {
        return clocks;
    }

    /** All attention heads of a run. */
    public Heads heads() {
        return heads;
    }

    /** What a head's weights alone say that it does. */
    public HeadCircuits circuits() {
        return circuits;
    }

    /** How models know where a word stands. */
    public Positions positions() {
        return positions;
    }

    /** A run's scores at other distances. */
    public HeadDistances headDistances() {
        return headDistances;
    }

    /** A run's prompt at later positions. */
    public PromptShifts promptShifts() {
        return promptShifts;
    }

    /** What kept runs did not capture, read again. */
    public Recaptures recaptures() {
        return recaptures;
    }

    /** What parts of a model's work take: parameters, FLOPs, bytes, time. */
    public Costs costs() {
        return costs;
    }

    /** How long prompts and tokens take at several lengths. */
    public Benchmarks benchmarks() {
        return benchmarks;
    }

    /** What a model that learnt from the tales can do. */
    public Evaluations evaluations() {
        return evaluations;
    }

    /** Gradients, single updates, optimizers. */
    public Learning learning() {
        return learning;
    }

    /**
     * Takes no more work, tells what runs to end (what it has made is kept) and waits until it has, then closes what it
     * used. What has not ended after minutes keeps its model and the store open; they go with the process.
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
