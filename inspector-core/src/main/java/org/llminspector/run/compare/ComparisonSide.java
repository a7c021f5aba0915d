package org.llminspector.run.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.capture.InterventionBuilder;
import org.llminspector.engine.EngineInfo;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.Opening;
import org.llminspector.run.models.PreparedRun;
import org.llminspector.run.request.RunRequest;
import org.llminspector.run.work.MemoryLedger;
import org.llminspector.spec.DecoderSpec;

/**
 * One side of a comparison: a validated request, and passes of its model over any tokens with the request's
 * interventions.
 */
final class ComparisonSide {

    private final PreparedRun run;
    private final OpenModels models;
    private String form;

    /** @param run prepared with the prompt, or with the text's first window when there is no prompt */
    ComparisonSide(PreparedRun run, OpenModels models) {
        this.run = run;
        this.models = models;
    }

    PreparedRun run() {
        return run;
    }

    /** The engine in the form that was compared: hooked where any hook but the logits was, else fused. */
    EngineInfo info() {
        EngineInfo info = engine().info();
        return form == null ? info : info.withForm(form);
    }

    ModelFolder folder() {
        return run.folder();
    }

    DecoderSpec spec() {
        return run.folder().spec();
    }

    /** Opened on first use; the least recently used engine may be evicted for it. */
    InspectorEngine engine() {
        return models.engine(run.folder(), run.request());
    }

    /** Opens it before the comparison reaches the worker. */
    OpenModels.Lease lease(Consumer<Opening.Progress> progress, BooleanSupplier cancelled) {
        RunRequest r = run.request();
        return models.lease(run.folder(), r.engine(), r.device(), r.plan(), progress, cancelled);
    }

    /** Reserves memory of the budget for this side. */
    MemoryLedger.Reservation reserve(String kind, long bytes) {
        return models.ledger()
                .reserve(
                        kind,
                        folder().slug(),
                        bytes,
                        kind + " of " + folder().slug(),
                        "compare fewer positions, close other models, or raise --memory");
    }

    /** Logits of these tokens, [1, pos, vocab], in the engine's fastest form. */
    Capture logits(int[] ids) {
        return logits(engine(), ids);
    }

    /** The same on another engine of the same model. */
    Capture logits(InspectorEngine engine, int[] ids) {
        return capture(engine, ids, List.of(HookId.of(HookPoint.LOGITS)), Map.of(), false);
    }

    /**
     * Values at these hooks, always in the hooked form, so that they do not depend on which hooks are captured
     * together.
     */
    Capture capture(int[] ids, Collection<HookId> hooks) {
        return capture(ids, hooks, Map.of());
    }

    /**
     * The same with activation patching from the other side; the patches are applied before this side's interventions.
     *
     * @param patches values by the hook that they replace
     */
    Capture capture(int[] ids, Collection<HookId> hooks, Map<HookId, Tensor> patches) {
        return capture(engine(), ids, hooks, patches, true);
    }

    /** Logits of these tokens read in pieces, in the engine's fastest form. */
    Capture logitsInPieces(int[] ids) {
        return capture(engine(), ids, List.of(HookId.of(HookPoint.LOGITS)), Map.of(), false, pieces(ids));
    }

    /** Values at these hooks when the tokens are read in pieces, in the hooked form. */
    Capture captureInPieces(int[] ids, Collection<HookId> hooks) {
        return capture(engine(), ids, hooks, Map.of(), true, pieces(ids));
    }

    /**
     * Pieces of a half, a quarter, an eighth and so on, with the last token alone, so that matrix products of many
     * heights occur.
     */
    List<int[]> pieces(int[] ids) {
        if (run.takesMean()) {
            throw Problem.unsupported("a mean is over the positions of one pass: the prompt is not read in pieces")
                    .where("options.floor")
                    .instead("ask for the noise floor of the other engine");
        }
        List<int[]> pieces = new ArrayList<>();
        for (int from = 0; from < ids.length; ) {
            int to = from + Math.max(1, (ids.length - from) / 2);
            pieces.add(Arrays.copyOfRange(ids, from, to));
            from = to;
        }
        return pieces;
    }

    private Capture capture(
            InspectorEngine engine, int[] ids, Collection<HookId> hooks, Map<HookId, Tensor> patches, boolean hooked) {
        return capture(engine, ids, hooks, patches, hooked, List.of(ids));
    }

    private Capture capture(
            InspectorEngine engine,
            int[] ids,
            Collection<HookId> hooks,
            Map<HookId, Tensor> patches,
            boolean hooked,
            List<int[]> pieces) {
        List<Intervention> interventions = new ArrayList<>();
        List<Map<HookId, Tensor>> sources = new ArrayList<>();
        patches.forEach((hook, value) -> {
            interventions.add(replace(hook));
            sources.add(Map.of(hook, value));
        });
        interventions.addAll(run.interventions());
        try (Capture clean = run.clean(engine, ids);
                Session session = engine.begin(new SessionRequest(
                        ids.length, new TreeSet<>(hooks), interventions, both(sources, run.sources(clean)), hooked))) {
            for (int[] piece : pieces) session.append(piece.clone());
            if (!"hooked".equals(form)) form = session.form();
            return session.capture();
        }
    }

    private static <T> List<T> both(List<T> first, List<T> then) {
        return Stream.concat(first.stream(), then.stream()).toList();
    }

    private static Intervention replace(HookId hook) {
        Intervention.From from = new Intervention.From("the other side", null);
        return InterventionBuilder.builder()
                .hook(hook.name())
                .op(Intervention.Op.REPLACE)
                .from(from)
                .build();
    }
}
