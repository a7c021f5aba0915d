package org.llminspector.run.models;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.base.RootNames;
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
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.ProcessMemory;
import org.llminspector.run.work.RunQueue;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;

/**
 * The models on this machine: listed, described, pulled, opened. Thread-safe; those that open a model or wait for the
 * hub block.
 */
public final class Models {

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

    private final List<Path> roots;
    private final Supplier<HubSettings> hub;
    private final ModelCache cache;
    private final OpenModels models;
    private final RunQueue queue;
    private final ModelWeights weights;
    private final ModelFactsCache facts = new ModelFactsCache();
    private volatile String chosenDefault; // null for none

    /**
     * @param roots folders whose subfolders are models; the first with a catalog.json says which to recommend
     * @param hub read at each pull
     */
    public Models(List<Path> roots, Supplier<HubSettings> hub, ModelCache cache, OpenModels models, RunQueue queue) {
        this.roots = roots;
        this.hub = hub;
        this.cache = cache;
        this.models = models;
        this.queue = queue;
        this.weights = new ModelWeights(models);
    }

    /** Every model on this machine except training checkpoints; one that cannot be opened has {@code trouble}. */
    public List<ModelSummary> list() {
        models.forgetChanged();
        String standard = cache.list().isEmpty() ? null : defaultSlug();
        return cache.list().stream().map(found -> summary(found, standard)).toList();
    }

    private ModelSummary summary(ModelCache.Found found, String standard) {
        ModelFacts seen = facts.of(found);
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
    public Path path(String slug) {
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
            return new HubClient(hub.get()).pull(repo, revision, listener, cancelled);
        } catch (CancellationException e) {
            throw Problem.of(Problem.Kind.CANCELLED, "the pull was cancelled")
                    .where(repo)
                    .instead("pull it again: what has arrived is kept")
                    .causedBy(e);
        }
    }

    /** Sets the default model, for as long as a model of that name exists. */
    public void setDefault(String slug) {
        chosenDefault = slug;
    }

    /**
     * The default model's slug: the given folder, else the one that was set, else the embedded model, else the first in
     * the list.
     *
     * @throws Problem NOT_FOUND when there is none
     */
    public String defaultSlug() {
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

    /** The slug, or the default model's where there is none. */
    public String orDefault(String slugOrNull) {
        return slugOrNull == null ? defaultSlug() : slugOrNull;
    }

    /**
     * A model's spec, tokenizer and size, and the hash of its weights once it is computed.
     *
     * @throws Problem NOT_FOUND when there is no such model; INVALID or UNSUPPORTED when its files are damaged or its
     *     arithmetic is not known
     */
    public ModelDetails details(String slug) {
        ModelFolder f = models.folder(slug);
        Tokenizer t = f.tokenizer();
        TokenizerInfo info = t == null
                ? null
                : new TokenizerInfo(
                        t.vocabSize(),
                        t.bosId(),
                        t.eosIds().isEmpty() ? null : t.eosIds().get(0),
                        f.hasChatTemplate());
        return new ModelDetails(summary(f.found(), defaultSlug()), f.spec(), info, task(f.found()), f.knownSha256());
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
     * @throws Problem as {@link #details}; UNSUPPORTED when it has no tokenizer
     */
    public Tokenizer tokenizer(String slug) {
        return models.folder(slug).requireTokenizer();
    }

    /**
     * The model's chat template.
     *
     * @throws Problem as {@link #details}; UNSUPPORTED when it has none; INVALID when it cannot be read
     */
    public ChatTemplate chatTemplate(String slug) {
        return models.folder(slug).requireChatTemplate();
    }

    /**
     * Loads a model ahead of its first run.
     *
     * @throws Problem as {@link #details}; UNSUPPORTED when engine, device or precision are not available; TOO_LARGE when
     *     it does not fit the memory; BUSY when the queue is full
     */
    public EngineInfo load(RunRequest r) {
        return load(r, p -> {}, () -> false);
    }

    /** The same, with progress; it ends when {@code cancelled} answers true. */
    public EngineInfo load(RunRequest r, Consumer<Opening.Progress> progress, BooleanSupplier cancelled) {
        ModelFolder folder = models.folder(orDefault(r.model()));
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
        MemoryUse held = models.memory();
        List<MemoryLedger.Holder> holders = models.ledger().holders();
        return new Memory(
                models.ledger().budget(),
                holders.stream().mapToLong(MemoryLedger.Holder::bytes).sum(),
                held.resident(),
                held.mapped(),
                holders,
                ProcessMemory.now(),
                models.memoryByModel().stream()
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

    /** Open models, which another module leases for work of its own in the queue. */
    public OpenModels opened() {
        return models;
    }

    /** Weights as stored and as quantized. */
    public ModelWeights weights() {
        return weights;
    }
}
