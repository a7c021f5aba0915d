package org.llminspector.run.inspect.positions;

import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.llminspector.analysis.output.OutputShift;
import org.llminspector.base.Problem;
import org.llminspector.capture.Capture;
import org.llminspector.capture.Intervention;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.engine.Session;
import org.llminspector.engine.SessionRequest;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.run.inspect.Bounds;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.tokenize.Token;

/** Shifts a run's whole prompt to later positions; with RoPE its attention scores should not change. Thread-safe. */
public final class PromptShifts {

    /**
     * A run's prompt shifted by filler tokens in front, which are masked for all of its tokens.
     *
     * @param by positions
     * @param filler token put in front
     * @param maxDifference of the layer's unmasked scores
     * @param largest score, by magnitude
     * @param logitsDifference the largest at the prompt's last position
     * @param kl KL(original || shifted) of the next token, nats
     */
    public record Shift(
            String run,
            int by,
            Token filler,
            int layer,
            Positions.Kind kind,
            double maxDifference,
            double largest,
            double logitsDifference,
            double kl,
            List<ShiftedToken> top) {}

    /** @param moved its probability after the shift */
    public record ShiftedToken(int id, String text, double prob, double moved) {}

    private static final int TOP = 5;

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;

    public PromptShifts(OpenModels models, RunStore store, RunQueue queue) {
        this.models = models;
        this.store = store;
        this.queue = queue;
    }

    /**
     * Reads a run's prompt in place and again after {@code by} filler tokens that no prompt token may attend to. Both
     * passes use the run's own engine; neither is stored.
     *
     * @param layer whose scores are compared
     */
    public Shift shift(String runId, int by, int layer) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        DecoderSpec spec = folder.spec();
        RunValues.sameWeights(run, folder);
        Bounds.attention(spec, layer);
        if (!run.request().interventions().isEmpty()) {
            throw Problem.invalid("a changed run is not moved: its changes name positions")
                    .where("run " + runId)
                    .instead("move the run that it was made from");
        }
        folder.capabilities().interventionRefusal().ifPresent(why -> {
            throw why;
        });
        int n = run.promptLength();
        if (by < 1 || by + n > spec.maxContext()) {
            throw Problem.invalid("the prompt cannot be moved so far")
                    .where("by")
                    .expected("1 to " + (spec.maxContext() - n))
                    .found(by);
        }
        List<Token> prompt = run.tokens().subList(0, n);
        int[] ids = prompt.stream().mapToInt(Token::id).toArray();
        int[] moved = new int[by + n];
        Arrays.fill(moved, 0, by, ids[0]);
        System.arraycopy(ids, 0, moved, by, n);
        Intervention apart = new Intervention(
                "blocks.*.attn.hook_attn_scores",
                Intervention.Op.MASK,
                null,
                IntStream.range(by, by + n).boxed().toList(),
                IntStream.range(0, by).boxed().toList(),
                null,
                null,
                null,
                null);
        HookId scores = HookId.of(HookPoint.ATTN_SCORES, layer);
        PrecisionPlan plan = run.request().plan();
        String name = run.engine().name();
        String device = run.engine().device();
        try (RunQueue.Place place = queue.enter("shift", folder.slug());
                OpenModels.Lease lease = models.lease(folder, name, device, plan, place::cancelled)) {
            return place.call(() -> {
                InspectorEngine engine = models.engine(folder, name, device, plan);
                float[][] there = read(engine, ids, scores, List.of());
                float[][] here = read(engine, moved, scores, List.of(apart));
                return compared(run, folder, by, layer, there, here);
            });
        }
    }

    /** @return {scores [head, query, key], logits of the last position} */
    private static float[][] read(InspectorEngine engine, int[] ids, HookId scores, List<Intervention> changes) {
        SessionRequest request =
                new SessionRequest(ids.length, new TreeSet<>(List.of(scores)), changes, List.of(), true);
        try (Session session = engine.begin(request)) {
            float[] logits = session.append(ids.clone());
            try (Capture capture = session.capture()) {
                return new float[][] {capture.get(scores).toFloats(), logits};
            }
        }
    }

    private static Shift compared(
            RunManifest run, ModelFolder folder, int by, int layer, float[][] there, float[][] here) {
        int n = run.promptLength();
        int wide = n + by;
        Attention a = folder.spec().layers().get(layer).attention();
        double most = 0;
        double largest = 0;
        for (int h = 0; h < a.nHeads(); h++) {
            for (int q = 0; q < n; q++) {
                for (int k = 0; k <= q; k++) {
                    float x = there[0][(h * n + q) * n + k];
                    float y = here[0][(h * wide + q + by) * wide + k + by];
                    if (Float.isInfinite(x) && Float.isInfinite(y)) continue; // outside the window
                    largest = Math.max(largest, Math.abs(x));
                    most = Math.max(most, Math.abs((double) x - y));
                }
            }
        }
        double logits = 0;
        for (int i = 0; i < there[1].length; i++) {
            logits = Math.max(logits, Math.abs((double) there[1][i] - here[1][i]));
        }
        OutputShift shift = new OutputShift(there[1], here[1]);
        return new Shift(
                run.id(),
                by,
                run.tokens().get(0),
                layer,
                Positions.kind(folder.spec(), a),
                most,
                largest,
                logits,
                shift.kl(),
                shift.top(TOP).stream()
                        .map(t -> new ShiftedToken(t.id(), folder.token(t.id()).text(), t.prob(), t.afterProb()))
                        .toList());
    }
}
