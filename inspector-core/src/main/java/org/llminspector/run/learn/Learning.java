package org.llminspector.run.learn;

import java.util.function.Supplier;
import org.llminspector.base.Problem;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.Learner;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.torch.learn.TorchLearner;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Prompt;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;
import org.llminspector.train.surface.LossSurface;
import org.llminspector.train.surface.Surface;

/** Interactive training operations: gradients, single updates, optimizer paths on a surface. */
public final class Learning implements AutoCloseable {

    private final OpenModels models;
    private final RunQueue queue;
    private final CaptureBudget budget;
    private final Supplier<String> standard;
    private final Learners learners;

    public Learning(OpenModels models, RunQueue queue, CaptureBudget budget, Supplier<String> standard) {
        this.models = models;
        this.queue = queue;
        this.budget = budget;
        this.standard = standard;
        this.learners = new Learners(queue, models.ledger());
    }

    /**
     * Forward and backward pass over a text, in float32.
     *
     * @throws Problem as for a run; TOO_LARGE where the gradients do not fit the budget; UNSUPPORTED for an exported
     *     graph
     */
    public GradientsAnswer gradients(GradientsRequest request) {
        GradientWork work = GradientWork.of(request, folder(request.model()), budget);
        ModelFolder folder = work.folder();
        String engine = Engines.with(EngineKind.Ability.GRADIENTS, folder).id();
        PrecisionPlan exact = PrecisionPlan.of(Precision.FP32);
        try (RunQueue.Place place = queue.enter("gradients", folder.slug());
                OpenModels.Lease lease = models.lease(folder, engine, work.device(), exact, place::cancelled)) {
            return place.call(() -> work.on(models.engine(folder, engine, work.device(), exact)));
        }
    }

    /**
     * Opens a trainable copy of a model.
     *
     * @throws Problem NOT_FOUND where there is no such model; UNSUPPORTED where it cannot be trained here, or the
     *     device is not available; TOO_LARGE where four copies of its weights do not fit; BUSY while the maximum number
     *     is open
     */
    public Learners.Info learner(String model, String device) {
        return learners.open(folder(model), device == null ? "auto" : device);
    }

    /**
     * Tokens of a conversation that post-training learns (the loss mask).
     *
     * @throws Problem NOT_FOUND where there is no such model; UNSUPPORTED where it has no tokenizer or no chat
     *     template; INVALID for a conversation without an answer
     */
    public LessonRequest.Answer lessons(LessonRequest request) {
        return request.on(folder(request.model()));
    }

    public Learners learners() {
        return learners;
    }

    /**
     * Paths of optimizers on a surface; on a model's loss it is queued like a run.
     *
     * @throws Problem INVALID for a surface, a start or a rate that is not valid; over a model as {@link #learner}
     */
    public DescentRequest.Answer descend(DescentRequest request) {
        request.check();
        if (!request.onAModel()) return request.on(request.ofFunction());
        DescentRequest.LossChoice loss = request.surface().loss();
        ModelFolder folder = folder(loss.model());
        RunRequest text = RunRequest.builder()
                .model(folder.slug())
                .prompt(loss.prompt())
                .tokens(loss.tokens())
                .addSpecialTokens(true)
                .build();
        int[] ids =
                Prompt.of(text, folder).tokens().stream().mapToInt(Token::id).toArray();
        if (ids.length < 2) {
            throw Problem.invalid("a single token has no next one to predict")
                    .where("surface.loss.prompt")
                    .expected("at least two tokens");
        }
        return queue.call("descent", folder.slug(), () -> {
            try (MemoryLedger.Reservation memory = Learners.reserve(models.ledger(), folder);
                    Learner learner = TorchLearner.open(folder.weights(), "auto");
                    LossSurface surface = new LossSurface(
                            learner,
                            ids,
                            loss.seed() == null ? 1 : loss.seed(),
                            loss.along() == DescentRequest.Along.GRADIENT)) {
                return request.on(whileOpen(surface));
            }
        });
    }

    /** The same surface; evaluation throws once the work is cancelled or the program is closing. */
    private Surface whileOpen(Surface surface) {
        return new Surface() {
            @Override
            public double[] values(double[][] points) {
                queue.checkCancelled();
                return surface.values(points);
            }

            @Override
            public double[][] slopes(double[][] points) {
                queue.checkCancelled();
                return surface.slopes(points);
            }
        };
    }

    private ModelFolder folder(String slug) {
        return models.folder(slug == null ? standard.get() : slug);
    }

    @Override
    public void close() {
        learners.close();
    }
}
