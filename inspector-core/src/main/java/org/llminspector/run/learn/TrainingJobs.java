package org.llminspector.run.learn;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.RootNames;
import org.llminspector.local.ModelCache;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.train.BaseFolder;
import org.llminspector.train.LossCurve;
import org.llminspector.train.Recipe;
import org.llminspector.train.Trainer;
import org.llminspector.train.TrainingEnvironments;
import org.llminspector.train.TrainingMemory;
import org.llminspector.train.corpus.NamedCorpus;

/**
 * Training jobs of this program: one folder each, which opens as a model. One trains at a time, on its own thread; runs
 * of models continue between its steps. Thread-safe.
 */
public final class TrainingJobs {

    private final Path folder;
    private final ModelCache cache;
    private final MemoryLedger ledger;
    private final Consumer<String> changed;
    private final Map<String, TrainingThread> threads = new LinkedHashMap<>(); // jobs started by this process
    private boolean closed;

    /**
     * @param folder parent folder of the jobs
     * @param ledger where a job's memory is reserved before it begins
     * @param changed called with the slug of a model whose files changed
     */
    public TrainingJobs(Path folder, ModelCache cache, MemoryLedger ledger, Consumer<String> changed) {
        this.folder = folder;
        this.cache = cache;
        this.ledger = ledger;
        this.changed = changed;
    }

    /**
     * Starts training; the recipe's name becomes the job's, and its base and tokenizer are given as slugs.
     *
     * @throws Problem INVALID for a recipe that cannot be trained; NOT_FOUND for a base or a tokenizer that is missing;
     *     CONFLICT where the name is taken, or another job is running; STORAGE where nothing can be written; TOO_LARGE
     *     where weights, gradient, moments and activations do not fit the memory budget; UNSUPPORTED where the base
     *     cannot be written back once it is trained
     */
    public synchronized TrainingJob begin(Recipe given, String device) {
        Recipe recipe = located(given.checked());
        String id = recipe.name();
        Path at = folder.resolve(id);
        boolean taken = cache.list().stream().anyMatch(f -> f.slug().equals(id));
        if (taken || Trainer.isResumable(at)) {
            throw Problem.of(Problem.Kind.CONFLICT, "there is a model of this name already")
                    .where("name")
                    .found(id)
                    .instead("give the job another name, or resume the one that is there");
        }
        BaseFolder.check(recipe);
        start(id, recipe, () -> Training.begin(recipe, at, device));
        return job(id);
    }

    /**
     * Resumes a job from its last saved state.
     *
     * @throws Problem NOT_FOUND where there is no such job; CONFLICT where it is finished, has no saved state, or
     *     another is running
     */
    public synchronized TrainingJob resume(String id, String device) {
        TrainingJob job = job(id);
        if (!job.resumable() || job.step() >= job.steps()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the training job cannot be resumed")
                    .where("job " + id)
                    .found(job.resumable() ? "it is finished" : "no saved state")
                    .instead("begin one of another name");
        }
        start(id, recipe(id), () -> Training.resume(folder.resolve(id), device));
        return job(id);
    }

    /**
     * Stops a job after the current step; its state is saved, and it can be resumed.
     *
     * @throws Problem NOT_FOUND where there is no such job
     */
    public synchronized TrainingJob stop(String id) {
        job(id);
        TrainingThread thread = threads.get(id);
        if (thread == null || thread.ended()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the job is not under way").where("job " + id);
        }
        thread.end();
        return job(id);
    }

    private void start(String id, Recipe recipe, TrainingThread.Opening opening) {
        if (closed) throw Problem.of(Problem.Kind.BUSY, "the program is closing");
        threads.values().stream().filter(t -> !t.ended()).findFirst().ifPresent(busy -> {
            throw Problem.of(Problem.Kind.CONFLICT, "another model is being trained")
                    .where("job " + busy.id())
                    .expected("one at a time")
                    .instead("stop it, or wait until it has ended");
        });
        // Another corpus has no tokenizer of its own, and its recipe names one.
        int vocabulary =
                NamedCorpus.find(recipe.corpus()).map(NamedCorpus::vocabulary).orElse(0);
        MemoryLedger.Reservation memory = ledger.reserve(
                "training",
                id,
                TrainingMemory.bytes(recipe, vocabulary),
                "recipe.model, micro_batch, sequence",
                "take a smaller model, a smaller micro_batch or a shorter sequence, or raise --memory");
        threads.put(id, TrainingThread.start(id, recipe, opening, changed, memory));
    }

    /** Every job, by name. */
    public synchronized List<TrainingJob> list() {
        Stream<String> kept = Stream.empty();
        if (Files.isDirectory(folder)) {
            try (Stream<Path> children = Files.list(folder)) {
                kept = children.filter(Trainer::isIn).map(p -> p.getFileName().toString()).toList().stream();
            } catch (IOException e) {
                throw Reads.unreadable(folder, e);
            }
        }
        return Stream.concat(kept, threads.keySet().stream())
                .filter(TrainingJobs::isName) // a user's copy, "sums (copy)", is a model but no job
                .distinct()
                .sorted()
                .map(this::listed)
                .toList();
    }

    /** The job; when its files cannot be read, an entry with the reason, so that the list still works. */
    private TrainingJob listed(String id) {
        try {
            return job(id);
        } catch (Problem p) {
            return TrainingJob.unreadable(id, RootNames.shown(at(id)), RootNames.shown(p.getMessage()));
        }
    }

    /**
     * Deletes a job's folder, and with it the model.
     *
     * @throws Problem NOT_FOUND where there is no such job; CONFLICT while it is running
     */
    public synchronized void delete(String id) {
        TrainingThread thread = threads.get(id);
        Path at = at(id);
        if (thread == null && !Trainer.isIn(at)) throw missing(id);
        if (thread != null && !thread.ended()) {
            throw Problem.of(Problem.Kind.CONFLICT, "the job is under way")
                    .where("job " + id)
                    .instead("stop it first");
        }
        if (Trainer.isIn(at)) Trainer.delete(at);
        threads.remove(id);
        changed.accept(id);
    }

    /** @throws Problem NOT_FOUND where there is no such job */
    public synchronized TrainingJob job(String id) {
        TrainingThread thread = threads.get(id);
        Path at = at(id);
        if (thread == null && !Trainer.isIn(at)) {
            throw missing(id);
        }
        Recipe recipe = recipe(id);
        List<LossCurve.Row> rows = LossCurve.isIn(at) ? LossCurve.read(at) : List.of();
        LossCurve.Row last = rows.isEmpty() ? null : rows.get(rows.size() - 1);
        long step = last == null ? 0 : last.step();
        boolean resumable = Trainer.isResumable(at);
        TrainingJob.State state = thread != null
                ? thread.state()
                : step >= recipe.steps()
                        ? TrainingJob.State.FINISHED
                        : resumable ? TrainingJob.State.STOPPED : TrainingJob.State.FAILED;
        Trainer.Progress now = thread == null || thread.ended() ? null : thread.progress();
        Double valLoss = null;
        for (LossCurve.Row row : rows) if (row.valLoss() != null) valLoss = row.valLoss();
        String trouble = thread != null ? thread.trouble() : null;
        TrainingEnvironments sittings = TrainingEnvironments.read(at);
        return new TrainingJob(
                id,
                state,
                step,
                recipe.steps(),
                last == null ? 0 : last.tokens(),
                last == null ? null : last.loss(),
                valLoss,
                now == null ? null : now.tokensPerSecond(),
                now == null ? null : now.secondsLeft(),
                resumable,
                Files.exists(at.resolve("config.json")),
                RootNames.shown(at),
                shown(recipe),
                sittings.sittings(),
                sittings.differs(),
                trouble != null || state != TrainingJob.State.FAILED
                        ? trouble
                        : "it broke off before its first state was saved");
    }

    /** The recipe as stored by the job: base and tokenizer are full paths, which {@link TrainingJob} does not show. */
    private Recipe recipe(String id) {
        TrainingThread thread = threads.get(id);
        return thread != null ? thread.recipe() : Trainer.recipe(at(id));
    }

    /**
     * A job's training curve so far.
     *
     * @throws Problem NOT_FOUND where there is no such job
     */
    public TrainingRecords.Curve curve(String id) {
        job(id);
        Path at = at(id);
        return TrainingRecords.Curve.of(id, at, LossCurve.isIn(at) ? LossCurve.read(at) : List.of());
    }

    /**
     * Sends each update of a job to a listener until the job ends or {@code gone} answers true; returns at once for an
     * ended job.
     *
     * @throws Problem NOT_FOUND where there is no such job
     */
    public TrainingJob watch(String id, Consumer<Trainer.Progress> listener, BooleanSupplier gone) {
        job(id);
        TrainingThread thread;
        synchronized (this) {
            thread = threads.get(id);
        }
        if (thread != null) thread.watch(listener, gone);
        return job(id);
    }

    /** Stops the running job, waits until it is saved, and refuses new ones. */
    public void close() {
        List<TrainingThread> all;
        synchronized (this) {
            closed = true;
            all = List.copyOf(threads.values());
        }
        all.forEach(TrainingThread::end);
        all.forEach(TrainingThread::join);
    }

    /** The job's folder; names that could lead outside the parent folder are refused. */
    private Path at(String id) {
        if (isName(id)) return folder.resolve(id);
        throw missing(Problem.shown(id));
    }

    private static boolean isName(String id) {
        return id.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,80}");
    }

    private static Problem missing(String id) {
        return Problem.notFound("there is no such training job").where("job " + id);
    }

    /** Resolves slugs to folders; paths from outside are not followed. */
    private Recipe located(Recipe recipe) {
        boolean sums = recipe.task() == Recipe.Task.MODULAR_ADDITION;
        if (!sums && NamedCorpus.find(recipe.corpus()).isEmpty()) {
            throw Problem.unsupported("a job learns from a named corpus only")
                    .where("recipe.corpus")
                    .expected(NamedCorpus.known())
                    .found(recipe.corpus())
                    .instead("inspector train reads text files");
        }
        ObjectNode tree = Json.mapper().valueToTree(recipe);
        if (recipe.base() != null) tree.put("base", model("recipe.base", recipe.base()));
        if (recipe.tokenizer() != null) tree.put("tokenizer", model("recipe.tokenizer", recipe.tokenizer()));
        return Json.mapper().convertValue(tree, Recipe.class);
    }

    /** The recipe with its models' paths shown relative to their roots. */
    private static Recipe shown(Recipe recipe) {
        ObjectNode tree = Json.mapper().valueToTree(recipe);
        if (recipe.base() != null) tree.put("base", RootNames.shown(recipe.base()));
        if (recipe.tokenizer() != null) tree.put("tokenizer", RootNames.shown(recipe.tokenizer()));
        return Json.mapper().convertValue(tree, Recipe.class);
    }

    private String model(String field, String slug) {
        String name = slug.substring(slug.lastIndexOf('/') + 1); // model-cache/tales-4m is tales-4m
        return cache.list().stream()
                .filter(f -> f.slug().equals(name))
                .findFirst()
                .orElseThrow(() -> Problem.notFound("there is no such model")
                        .where(field)
                        .expected("a model of GET /models")
                        .found(slug))
                .dir()
                .toString();
    }
}
