package org.llminspector.run.inspect;

import java.util.BitSet;
import java.util.List;
import org.llminspector.analysis.QueryAttention;
import org.llminspector.analysis.output.OutputShift;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.engine.InspectorEngine;
import org.llminspector.engine.PrecisionPlan;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.quant.QuantScheme;
import org.llminspector.quant.WeightStatistics;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.replay.RecaptureRequest;
import org.llminspector.run.replay.Recaptures;
import org.llminspector.run.replay.RunValues;
import org.llminspector.run.store.PositionRange;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;
import org.llminspector.tokenize.Token;

/**
 * Analyses of a stored run's captures: logit lens, attention reads, next-token shifts, norms, statistics. Thread-safe.
 */
public final class RunAnalyses {

    /** L2 norm of a captured value at each position. */
    public record Norms(String run, List<NormRow> rows) {}

    /**
     * What one query attends to in every head whose pattern is captured.
     *
     * @param query query position
     * @param criterion how heads are ordered, in a sentence
     * @param heads by {@code criterion}, the first highest
     */
    public record Reads(String run, int query, String criterion, List<QueryAttention> heads) {}

    /**
     * Two runs' next-token distributions at one position.
     *
     * @param pos position of the last token read
     * @param kl KL(run || after), nats
     * @param top most probable tokens in the run, in order
     * @param afterTop most probable tokens in the other run
     * @param moved tokens whose probability changed most
     */
    public record Shift(
            String run,
            String after,
            int pos,
            double kl,
            List<ShiftedToken> top,
            List<ShiftedToken> afterTop,
            List<ShiftedToken> moved) {}

    /** @param rank 0 for the most probable */
    public record ShiftedToken(
            int id,
            String text,
            double prob,
            double afterProb,
            double logit,
            double afterLogit,
            int rank,
            int afterRank) {}

    public record NormRow(String hook, String point, Integer layer, List<Double> norms) {}

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final Recaptures recaptures;

    public RunAnalyses(OpenModels models, RunStore store, RunQueue queue, Recaptures recaptures) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.recaptures = recaptures;
    }

    /**
     * Logit lens over a captured residual point ({@code hook_resid_post} usually), on the run's own engine.
     *
     * @param positions to analyse
     * @throws Problem NOT_FOUND where the run, or its capture of this point, is missing; CONFLICT where the model has
     *     other weights now; UNSUPPORTED where its engine has no lens; BUSY while the queue is full
     */
    public Lens lens(String runId, HookPoint point, int top, Slice positions) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        RunValues.sameWeights(run, folder);
        // Of a stream of several forms all are read, also where the first alone was captured.
        RunManifest manifest = folder.spec().altUp() == null || point != HookPoint.RESID_POST
                ? run
                : recaptures.extend(
                        runId,
                        new RecaptureRequest(List.of(HookPoint.FORMS.template().replace("{i}", "*")), null, null));
        String name = manifest.engine().name();
        String device = manifest.engine().device();
        PrecisionPlan plan = manifest.request().plan();
        try (RunQueue.Place place = queue.enter("lens", folder.slug());
                OpenModels.Lease lease = models.lease(folder, name, device, plan, place::cancelled)) {
            return place.call(() -> {
                InspectorEngine engine = models.engine(folder, name, device, plan);
                return Lenses.read(manifest, point, top, positions, engine, store, folder);
            });
        }
    }

    /**
     * What a query attends to in each head, ordered by {@link Reads#criterion}.
     *
     * @param query a position, negative from the end; null for the prompt's last
     * @throws Problem NOT_FOUND where there is no such run; INVALID where it has no pattern of this query
     */
    public Reads reads(String runId, Integer query) {
        RunManifest manifest = store.manifest(runId);
        int q = position(manifest, query, "query");
        PositionRange one = new PositionRange(q, q + 1);
        BitSet words = new BitSet();
        for (int i = 0; i < manifest.tokens().size(); i++)
            words.set(i, isWord(manifest.tokens().get(i)));
        List<QueryAttention> heads = manifest.captures().stream()
                .filter(c -> c.hook().point() == HookPoint.PATTERN)
                .filter(c -> c.positions() == null || c.positions().holds(one))
                .map(RunManifest.CaptureEntry::hook)
                .distinct()
                .flatMap(h -> QueryAttention.of(h.layer(), row(runId, h, q), q, words).stream())
                .sorted(QueryAttention.MOST_TELLING)
                .toList();
        if (heads.isEmpty()) {
            throw Problem.invalid("the run captured no attention pattern of this query")
                    .where("run " + runId + ", query " + q)
                    .instead("POST /runs/" + runId + "/captures with capture blocks.*.attn.hook_pattern and positions "
                            + q);
        }
        return new Reads(runId, q, QueryAttention.CRITERION, heads);
    }

    /** Whether a token has word content; without a tokenizer its text is unknown, and it counts. */
    private static boolean isWord(Token token) {
        return token.bytes().isEmpty()
                ? !token.special()
                : token.text().codePoints().anyMatch(Character::isLetterOrDigit);
    }

    /**
     * Change of the next-token distribution between two runs; both must have captured their logits.
     *
     * @param pos a position, negative from the end; null for the prompt's last
     * @param top how many tokens each list has
     * @throws Problem NOT_FOUND where a run or its logits are not there; INVALID where the two have different
     *     vocabularies, or no such position
     */
    public Shift shift(String runId, String afterId, Integer pos, int top) {
        RunManifest before = store.manifest(runId);
        RunManifest after = store.manifest(afterId);
        int at = position(before, pos, "pos");
        int there = pos == null || pos >= 0 ? at : position(after, pos, "pos");
        HookId logits = HookId.of(HookPoint.LOGITS);
        OutputShift shift = new OutputShift(
                row(runId, logits, at).toFloats(), row(afterId, logits, there).toFloats());
        ModelFolder folder = models.folder(before.model().slug());
        return new Shift(
                runId,
                afterId,
                at,
                shift.kl(),
                shifted(shift.top(top), folder),
                shifted(shift.afterTop(top), folder),
                shifted(shift.moved(top), folder));
    }

    private static List<ShiftedToken> shifted(List<OutputShift.Moved> tokens, ModelFolder folder) {
        return tokens.stream()
                .map(t -> new ShiftedToken(
                        t.id(),
                        folder.token(t.id()).text(),
                        t.prob(),
                        t.afterProb(),
                        t.logit(),
                        t.afterLogit(),
                        t.rank(),
                        t.afterRank()))
                .toList();
    }

    private static int position(RunManifest run, Integer wanted, String field) {
        return RunValues.position(run, wanted, field);
    }

    /** One position of a captured tensor; the axis is kept. */
    private Tensor row(String runId, HookId hook, int pos) {
        return RunValues.row(store, runId, hook, pos);
    }

    /**
     * Distribution of a captured value, its outlier channels, and its quantization error under schemes. Rows are
     * positions (one per query and head in a pattern), columns channels.
     *
     * @throws Problem NOT_FOUND when the run or its capture is not there, or not of every position; UNSUPPORTED when it
     *     contains non-finite numbers
     */
    public WeightStatistics statistics(String runId, HookId hook, List<QuantScheme> schemes) {
        RunStore.Captured captured = store.captured(runId, hook, null);
        Tensor value = captured.tensor();
        long[] shape = value.shape();
        long rows = 1;
        for (int a = 0; a < Math.min(2, shape.length - 1); a++) rows *= shape[a];
        // Heads are concatenated: a position's whole vector is one row.
        Tensor matrix = hook.point().axes().contains(Axis.KEY)
                ? value.reshaped(value.size() / shape[shape.length - 1], shape[shape.length - 1])
                : value.reshaped(rows, value.size() / Math.max(1, rows));
        return WeightStatistics.of(matrix, hook.name(), schemes, queue.cancellation());
    }

    /**
     * Norms of every captured d_model-wide hook of a run.
     *
     * @throws Problem NOT_FOUND where there is no such run
     */
    public Norms norms(String runId) {
        List<NormRow> rows = store.manifest(runId).captures().stream()
                .filter(c -> c.positions() == null)
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
