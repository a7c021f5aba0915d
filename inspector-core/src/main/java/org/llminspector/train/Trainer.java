package org.llminspector.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import org.llminspector.base.Json;
import org.llminspector.base.Problem;
import org.llminspector.base.Reads;
import org.llminspector.base.Tensor;
import org.llminspector.base.Writes;
import org.llminspector.checkpoint.Checkpoint;
import org.llminspector.engine.Learner;
import org.llminspector.engine.LearnerInfo;
import org.llminspector.engine.Parameter;
import org.llminspector.engine.Precision;
import org.llminspector.engine.torch.TorchEngine;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.family.Family;
import org.llminspector.family.Weights;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.ChatTemplate;
import org.llminspector.tokenize.Tokenizer;
import org.llminspector.train.Objective.Measure;
import org.llminspector.train.corpus.Corpus;
import org.llminspector.train.corpus.Critic;
import org.llminspector.train.corpus.Dialogues;

/**
 * Training loop of a recipe. It updates the weights on the task's loss, writes a folder in Hugging Face layout that
 * opens as a model, and saves a state from which the run resumes bit for bit.
 */
public final class Trainer implements AutoCloseable {

    /**
     * State of a run after one update.
     *
     * @param row the update's losses
     * @param tokensPerSecond in this process, including validation and writing
     * @param secondsLeft at that speed
     */
    public record Progress(LossCurve.Row row, int steps, double tokensPerSecond, double secondsLeft) {}

    /** Listener to every update, which may stop the run. */
    public interface Listener {
        void progress(Progress progress);

        /** Whether to stop; the run can be resumed. */
        boolean stop();
    }

    private static final String RECIPE = "recipe.json";

    /** The training data; null where the task does not need it. */
    public record Sources(Corpus corpus, Dialogues dialogues, Critic critic) {

        public Sources(Corpus corpus, Dialogues dialogues) {
            this(corpus, dialogues, null);
        }
    }

    private final TrainingLock lock;
    private final Recipe recipe;
    private final Path folder;
    private final BaseFolder written; // null: in Llama's layout
    private final Tokenizer tokenizer; // null: a model of token ids only
    private final Learner learner;
    private final Objective objective;
    private final List<Parameter> fixed;
    private final LossCurve curve;
    private long tokens;

    /** @param lock on the folder; closed with the trainer, or when the constructor fails */
    private Trainer(
            TrainingLock lock, Recipe recipe, Sources sources, Path folder, String device, TrainingState state) {
        this.lock = lock;
        this.recipe = recipe;
        this.folder = folder;
        Deque<AutoCloseable> opened = new ArrayDeque<>(List.of(lock));
        try {
            this.written = BaseFolder.open(recipe, folder).orElse(null);
            if (written != null) opened.push(written);
            this.tokenizer = recipe.task() == Recipe.Task.MODULAR_ADDITION ? null : tokenizer(folder);
            if (tokenizer != null) opened.push(tokenizer);
            this.learner = recipe.task().tunes() ? base(device) : fresh(device);
            opened.push(learner);
            this.objective = objective(sources, device);
            opened.push(objective);
            this.fixed = learner.parameters().stream()
                    .filter(p -> recipe.fixedNorms() && p.name().startsWith("blocks.") && Weights.isNorm(p.name()))
                    .toList();
            if (state != null) {
                checkSize(state.weights());
                learner.setWeights(state.weights());
                learner.setState(state.optimizer());
                objective.goTo(state.place());
                tokens = state.tokens();
            }
            this.curve = LossCurve.open(folder, learner.step());
        } catch (RuntimeException | Error e) {
            opened.forEach(Trainer::closeQuietly);
            throw e;
        }
    }

    private void checkSize(Tensor weights) {
        long size = learner.parameters().stream().mapToLong(Parameter::size).sum();
        if (weights.size() == size) return;
        throw Problem.invalid("the state is of a model of another shape")
                .where(folder)
                .expected(size + " parameters, as the recipe's model")
                .found(weights.size());
    }

    private static void closeQuietly(AutoCloseable opened) {
        try {
            opened.close();
        } catch (Exception e) {
            // The caller throws the original failure.
        }
    }

    private static Tokenizer tokenizer(Path folder) {
        return Tokenizer.open(folder)
                .orElseThrow(() -> Problem.notFound("there is no tokenizer").where(folder.resolve("tokenizer.json")));
    }

    private Learner fresh(String device) {
        int vocab = tokenizer == null ? ModularAddition.vocabulary(recipe.modulus()) : tokenizer.vocabSize();
        DecoderSpec spec = LlamaFolder.spec(recipe.model(), vocab);
        Learner fresh = TorchLearner.open(spec, device);
        fresh.setWeights(firstWeights(fresh.parameters(), spec.nLayers(), recipe.seed(), recipe.deviation()));
        return fresh;
    }

    private Learner base(String device) {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
            return TorchLearner.open(Family.open(checkpoint), device);
        }
    }

    private Objective objective(Sources sources, String device) {
        return switch (recipe.task()) {
            case PRETRAIN -> new PretrainingObjective(recipe, documents(sources));
            case INSTRUCT -> new AnswerObjective(recipe, sources.dialogues(), encoder(), documents(sources));
            case PREFER -> preferences(sources, device);
            case MODULAR_ADDITION -> new ModularAddition(recipe.modulus(), recipe.trainShare(), recipe.seed());
        };
    }

    private Objective preferences(Sources sources, String device) {
        Learner frozen = base(device);
        try {
            RejectedSamples rejectedSamples =
                    recipe.rejectedSamples() == 0 ? null : rejectedSamples(sources.critic(), device);
            return new PreferenceObjective(
                    recipe, sources.dialogues(), encoder(), documents(sources), frozen, rejectedSamples);
        } catch (RuntimeException | Error e) {
            closeQuietly(frozen);
            throw e;
        }
    }

    private RejectedSamples rejectedSamples(Critic critic, String device) {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(recipe.base()))) {
            TorchEngine engine = TorchEngine.open(Family.open(checkpoint), device, Precision.FP32);
            return new RejectedSamples(engine, tokenizer, eos(), critic);
        }
    }

    private Documents documents(Sources sources) {
        return new Documents(sources.corpus(), tokenizer, eos());
    }

    private ChatEncoder encoder() {
        ChatTemplate template = ChatTemplate.open(folder)
                .orElseThrow(() -> Problem.unsupported("the model has no chat template")
                        .where(folder.resolve("tokenizer_config.json"))
                        .expected("chat_template"));
        return new ChatEncoder(tokenizer, template, learner.spec().maxContext());
    }

    /**
     * Begins a run in a folder that contains the tokenizer's files, if the task needs them, and no model.
     *
     * @param device {@code auto}, {@code cpu}, {@code cuda:N}
     */
    public static Trainer begin(Recipe given, Sources sources, Path folder, String device) {
        Recipe recipe = given.checked();
        TrainingLock lock = TrainingLock.take(folder);
        try {
            note(recipe, folder);
        } catch (RuntimeException | Error e) {
            lock.close();
            throw e;
        }
        return new Trainer(lock, recipe, sources, folder, device, null);
    }

    /**
     * Begins a run at a later stage of its recipe, from the checkpoint of another run of it, without repeating the
     * earlier stages.
     *
     * @param run folder of the other run, with its loss.csv and checkpoints
     * @param step updates after which the stage begins
     */
    public static Trainer beginAfter(Recipe given, Sources sources, Path folder, String device, Path run, int step) {
        Recipe recipe = given.checked();
        if (recipe.schedule().beginning(step).isEmpty()) {
            throw Problem.invalid("no stage of the recipe begins there")
                    .where("--after")
                    .expected(recipe.midtraining().stream()
                            .map(stage -> Integer.toString(stage.from()))
                            .collect(Collectors.joining(" or ")))
                    .found(step);
        }
        TrainingLock lock = TrainingLock.take(folder);
        TrainingState state;
        try {
            state = TrainingState.ofCheckpoint(run, step);
            note(recipe, folder);
            LossCurve.copy(run, folder, step);
        } catch (RuntimeException | Error e) {
            lock.close();
            throw e;
        }
        return new Trainer(lock, recipe, sources, folder, device, state);
    }

    private static void note(Recipe recipe, Path folder) {
        if (Files.exists(TrainingState.file(folder)) || Files.exists(folder.resolve("model.safetensors"))) {
            throw Problem.of(Problem.Kind.CONFLICT, "there is a model in this folder already")
                    .where(folder)
                    .instead("resume it (--resume), or name another folder");
        }
        try {
            Writes.replace(folder.resolve(RECIPE), Json.write(recipe) + "\n");
        } catch (IOException e) {
            throw Writes.failed("the folder cannot be written", folder, e);
        }
    }

    /** Resumes the run in this folder from its last saved state. */
    public static Trainer resume(Path folder, Sources sources, String device) {
        Recipe recipe = recipe(folder);
        TrainingLock lock = TrainingLock.take(folder);
        TrainingState state;
        try {
            state = TrainingState.read(folder);
        } catch (RuntimeException | Error e) {
            lock.close();
            throw e;
        }
        return new Trainer(lock, recipe, sources, folder, device, state);
    }

    /** Whether a run in this folder can be resumed. */
    public static boolean isResumable(Path folder) {
        return Files.exists(TrainingState.file(folder));
    }

    /** Whether the folder contains a run. */
    public static boolean isIn(Path folder) {
        return Files.isRegularFile(folder.resolve(RECIPE));
    }

    /** Deletes a run's folder with its model. A folder in training, by any process, is refused. */
    public static void delete(Path folder) {
        Path gone = folder.resolveSibling(".trash-" + folder.getFileName());
        try (TrainingLock lock = TrainingLock.take(folder)) {
            Writes.deleteAll(gone); // left by an earlier deletion whose process died
            Files.move(folder, gone, StandardCopyOption.ATOMIC_MOVE);
            Writes.deleteAll(gone);
        } catch (IOException e) {
            throw Writes.failed("the model cannot be deleted", folder, e);
        }
    }

    /** The recipe of the run in a folder. */
    public static Recipe recipe(Path folder) {
        return Json.mapper()
                .convertValue(Json.readObject(folder.resolve(RECIPE), Reads.RECIPE), Recipe.class)
                .checked();
    }

    /**
     * Normal weights; output projections into the residual stream are scaled by 1 / sqrt(2 layers), as they add up
     * (GPT-2).
     */
    static Tensor firstWeights(List<Parameter> parameters, int layers, long seed, double wide) {
        long size = parameters.stream().mapToLong(Parameter::size).sum();
        float[] flat = new float[Math.toIntExact(size)];
        Random random = new Random(seed);
        for (Parameter p : parameters) {
            boolean writes = p.name().endsWith("attn.o.weight") || p.name().endsWith("mlp.out.weight");
            double deviation = writes ? wide / Math.sqrt(2.0 * layers) : wide;
            for (int i = 0; i < p.size(); i++) {
                flat[(int) p.offset() + i] = p.isMatrix() ? (float) (deviation * random.nextGaussian()) : 1f;
            }
        }
        return Tensor.of(flat, size);
    }

    private int eos() {
        if (!tokenizer.eosIds().isEmpty()) return tokenizer.eosIds().get(0);
        throw Problem.invalid("the tokenizer names no token that ends a text")
                .where(folder.resolve("tokenizer_config.json"))
                .expected("eos_token");
    }

    /** The learner's device, threads and kernels. */
    public LearnerInfo learner() {
        return learner.info();
    }

    /** Trains to the recipe's end or until stopped; saves the state in both cases. */
    public void run(Listener listener) {
        long began = System.nanoTime();
        long step = learner.step();
        long firstStep = step;
        useThreads(step);
        if (step == 0) {
            Measure before = objective.validate(learner);
            curve.add(new LossCurve.Row(0, 0, null, null, before.loss(), null, null, before.accuracy()));
            if (recipe.checkpointSteps().contains(0)) keep(0);
        }
        boolean stopped = false;
        long seen = 0;
        while (step < recipe.steps() && !stopped) {
            recipe.schedule().beginning(step).ifPresent(this::beginAgain);
            double rate = recipe.schedule().rate(step);
            Measure train = objective.accumulate(learner, step);
            fixed.forEach(learner::clearGradient);
            double norm = learner.update(recipe.optimizer(), rate, recipe.maxNorm());
            step++;
            tokens += train.tokens();
            seen += train.tokens();
            if (!Double.isFinite(train.loss()) || !Double.isFinite(norm)) throw diverged(step, train.loss());
            boolean last = step == recipe.steps();
            Measure held = last || step % recipe.validateEvery() == 0 ? objective.validate(learner) : null;
            LossCurve.Row row = new LossCurve.Row(
                    step,
                    tokens,
                    rate,
                    train.loss(),
                    held == null ? null : held.loss(),
                    norm,
                    train.accuracy(),
                    held == null ? null : held.accuracy());
            curve.add(row);
            if (recipe.checkpointSteps().contains((int) step)) keep(step);
            stopped = listener.stop();
            if (last || stopped || step % recipe.saveEvery() == 0) save();
            double seconds = (System.nanoTime() - began) / 1e9;
            double left = seconds / (step - firstStep) * (recipe.steps() - step);
            listener.progress(new Progress(row, recipe.steps(), seen / seconds, left));
        }
    }

    /** Begins a stage: the weights as saved, a fresh optimizer, other documents. */
    private void beginAgain(Recipe.Midtraining stage) {
        try (Checkpoint written = Checkpoint.open(keep(learner.step()));
                Learner same =
                        TorchLearner.open(Family.open(written), learner.info().device())) {
            learner.setWeights(same.weights());
        }
        Tensor nothing = Tensor.of(
                new float[Math.toIntExact(learner.weights().size())],
                learner.weights().shape());
        learner.setState(new Learner.State(learner.step(), nothing, nothing));
        objective.goTo(TokenStream.Place.at(stage.firstDocument()));
        useThreads(learner.step());
    }

    /** Sets the stage's number of threads, and records what computes from this step on. */
    private void useThreads(long step) {
        recipe.schedule().threads(step).ifPresent(learner::setThreads);
        TrainingEnvironments.note(folder, step, learner.info());
    }

    /** The checkpoint folder of a step. */
    static Path checkpointFolder(Path folder, long step) {
        return folder.resolve("checkpoints").resolve(String.format(Locale.ROOT, "step-%06d", step));
    }

    /** Saves the current model as a checkpoint. */
    private Path keep(long step) {
        Path kept = checkpointFolder(folder, step);
        write(kept, learner.weights(), step);
        return kept;
    }

    private void save() {
        Tensor weights = learner.weights();
        Learner.State state = learner.state();
        write(folder, weights, state.step());
        new TrainingState(weights, state, tokens, objective.place()).write(folder);
    }

    private void write(Path to, Tensor weights, long step) {
        Map<String, String> metadata = new LinkedHashMap<>();
        metadata.put("format", "pt");
        metadata.put("step", Long.toString(step));
        metadata.put("tokens", Long.toString(tokens));
        metadata.put("recipe", recipe.name());
        if (written != null) {
            written.write(to, learner.parameters(), weights, recipe.dtype(), metadata);
            return;
        }
        LlamaFolder.write(
                to,
                learner.spec(),
                learner.parameters(),
                weights,
                recipe.dtype(),
                tokenizer == null ? null : tokenizer.bosId(),
                tokenizer == null ? List.of() : tokenizer.eosIds(),
                folder,
                metadata);
    }

    private Problem diverged(long step, double loss) {
        return Problem.unsupported("training diverged")
                .where("step " + step)
                .expected("a finite loss")
                .found(loss)
                .instead("lower learning_rate, or lengthen warmup_steps; the last saved state is before this step");
    }

    @Override
    public void close() {
        objective.close();
        learner.close();
        if (tokenizer != null) tokenizer.close();
        if (written != null) written.close();
        lock.close();
    }
}
