package org.llminspector.run;

import java.util.List;
import org.llminspector.analysis.HeadScores;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.hook.HookPoint;
import org.llminspector.tokenize.Token;

/** RunAnalyses read more out of a kept run than it captured: the logit lens, what heads do, norms. Safe on any thread. */
public final class RunAnalyses {

    /**
     * The logit lens of a run: for each layer's hook and position, the most probable next tokens if this were the end.
     *
     * @param rows in data order, the last row is the model's own output
     */
    public record Lens(String run, List<LensRow> rows) {}

    public record LensRow(String hook, Integer layer, List<LensCell> cells) {}

    /**
     * @param entropy of the distribution, nats
     * @param klToFinal KL(final || this), nats
     * @param finalTokenRank rank (0 is first) of the token that the model finally finds most probable
     */
    public record LensCell(int pos, List<LensToken> top, double entropy, double klToFinal, int finalTokenRank) {}

    public record LensToken(int id, String text, double prob) {}

    /** L2 norm of a captured value at each position. */
    public record Norms(String run, List<NormRow> rows) {}

    /** Where each attention head of a run looks, layer by layer. */
    public record Heads(String run, List<HeadScores> heads) {}

    public record NormRow(String hook, String point, Integer layer, List<Double> norms) {}

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;

    RunAnalyses(OpenModels models, RunStore store, RunQueue queue) {
        this.models = models;
        this.store = store;
        this.queue = queue;
    }

    /** Logit lens over a captured residual point ({@code hook_resid_post} usually), on the run's own engine. */
    public Lens lens(String runId, HookPoint point, int top) {
        RunManifest manifest = store.manifest(runId);
        ModelFolder folder = models.folder(manifest.model().slug());
        return queue.call(() -> {
            InspectorEngine engine = models.engine(
                    folder,
                    manifest.engine().name(),
                    manifest.engine().device(),
                    manifest.request().plan());
            return Lenses.read(manifest, point, top, engine, store, folder);
        });
    }

    /** Scores of every head whose pattern the run captured. */
    public Heads heads(String runId) {
        RunManifest manifest = store.manifest(runId);
        // A cancelled or finished run's last token was never fed back: it has no position.
        List<HeadScores> scores = manifest.captures().stream()
                .map(RunManifest.CaptureEntry::hook)
                .filter(h -> h.point() == HookPoint.PATTERN)
                .flatMap(h -> {
                    Tensor pattern = store.capture(runId, h);
                    int[] tokens = manifest.tokens().stream()
                            .limit(pattern.shape()[2])
                            .mapToInt(Token::id)
                            .toArray();
                    return HeadScores.of(h.layer(), pattern, tokens).stream();
                })
                .toList();
        if (scores.isEmpty()) {
            throw Problem.invalid("the run captured no attention patterns")
                    .where("run " + runId)
                    .instead("capture blocks.*.attn.hook_pattern");
        }
        return new Heads(runId, scores);
    }

    /** Norms of every captured d_model-wide hook of a run. */
    public Norms norms(String runId) {
        List<NormRow> rows = store.manifest(runId).captures().stream()
                .map(RunManifest.CaptureEntry::hook)
                .filter(h -> h.point().axes().equals(HookPoint.RESID_PRE.axes()))
                .map(h -> new NormRow(
                        h.name(),
                        h.point().template(),
                        h.layer() < 0 ? null : h.layer(),
                        org.llminspector.analysis.Norms.byPosition(store.capture(runId, h))))
                .toList();
        return new Norms(runId, rows);
    }
}
