package org.llminspector.tales;

import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.llminspector.engine.Precision;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.run.Inspector;
import org.llminspector.run.models.Engines;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tales.evaluation.Evaluation;
import org.llminspector.tales.evaluation.EvaluationReport;

/** Runs the evaluation of a model that was trained on the tales. Thread-safe. */
public final class Evaluations {

    private final Inspector inspector;

    public Evaluations(Inspector inspector) {
        this.inspector = inspector;
    }

    /**
     * The whole evaluation, in fp32, on the queue's worker. Blocks for minutes.
     *
     * @param slugOrNull the model; null for the default one
     * @throws Problem NOT_FOUND where there is no such model; UNSUPPORTED where it has no tokenizer or the device is
     *     not available; TOO_LARGE where it does not fit the memory; BUSY while the queue is full
     */
    public EvaluationReport take(
            String slugOrNull,
            String device,
            Evaluation.Size size,
            Consumer<String> progress,
            BooleanSupplier cancelled) {
        OpenModels models = inspector.models().opened();
        ModelFolder folder = models.folder(inspector.models().orDefault(slugOrNull));
        String engine = Engines.of(null, folder).id();
        PrecisionPlan exact = PrecisionPlan.of(Precision.FP32);
        try (RunQueue.Place place = inspector.queue().enter("evaluation", folder.slug())) {
            BooleanSupplier ends = () -> cancelled.getAsBoolean() || place.cancelled();
            try (OpenModels.Lease lease = models.lease(folder, engine, device, exact, ends)) {
                return place.call(() -> Evaluation.of(
                        models.engine(folder, engine, device, exact), folder.requireTokenizer(), size, progress, ends));
            }
        }
    }
}
