package org.llminspector.run.replay;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.BiConsumer;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.hook.HookId;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.store.PositionRange;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;
import org.llminspector.run.work.RunQueue;

/**
 * Recapture of hooks that finished runs lack: the same tokens are replayed on the same engine with the same
 * interventions, and the values are added to the run. Replays run one at a time, so that a second request for the same
 * hooks finds them stored. Thread-safe.
 */
public final class Recaptures {

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;

    public Recaptures(OpenModels models, RunStore store, RunQueue queue, CaptureBudget budget) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
    }

    /**
     * What {@link #extend} would do.
     *
     * @throws Problem NOT_FOUND where there is no such run; INVALID for hooks or positions that it does not have;
     *     UNSUPPORTED for hooks that its engine does not have
     */
    public RecapturePlan plan(String runId, RecaptureRequest request) {
        return plan(store.manifest(runId), request);
    }

    /**
     * Replays a run's tokens for hooks that it lacks; blocks. The manifest is unchanged when it lacks none.
     *
     * @throws Problem as {@link #plan}; CONFLICT where the model has other weights now; TOO_LARGE above the budget;
     *     BUSY while the queue is full; STORAGE where it cannot be stored
     */
    public RunManifest extend(String runId, RecaptureRequest request) {
        RunManifest before = store.manifest(runId);
        RecapturePlan wanted = plan(before, request);
        check(wanted);
        if (wanted.hooks().isEmpty()) return before;
        ModelFolder folder = models.folder(before.model().slug());
        String device = before.engine().device();
        try (RunQueue.Place place = queue.enter("recapture", folder.slug());
                OpenModels.Lease lease = models.lease(
                        folder, before.engine().name(), device, before.request().plan(), place::cancelled)) {
            return place.call(() -> {
                RunManifest run = store.manifest(runId); // another thread may have extended it meanwhile
                RecapturePlan plan = plan(run, request);
                if (plan.hooks().isEmpty()) return run;
                check(plan);
                return new Replay(run, plan, models, store, budget, queue::checkCancelled).extend();
            });
        }
    }

    /**
     * Replays a run's tokens and passes these hooks' values, over all positions, to a visitor; nothing is stored.
     * Blocks.
     */
    public void visit(String runId, List<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        folder.hooks(hooks.stream().map(HookId::name).toList());
        String device = run.engine().device();
        try (RunQueue.Place place = queue.enter("replay", folder.slug());
                OpenModels.Lease lease = models.lease(
                        folder, run.engine().name(), device, run.request().plan(), place::cancelled)) {
            place.call(() -> {
                RecapturePlan plan = new RecapturePlan(runId, hooks, null, 0, budget.maxBytes());
                new Replay(run, plan, models, store, budget, queue::checkCancelled).visit(visitor);
                return null;
            });
        }
    }

    /** Passes these hooks' values over all positions to a visitor: what the run has, then what a replay has to compute. Blocks. */
    public void values(RunManifest run, Collection<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        SortedSet<HookId> lacking = new TreeSet<>(hooks);
        for (RunManifest.CaptureEntry c : run.captures()) {
            if (c.positions() == null && lacking.remove(c.hook())) {
                visitor.accept(c.hook(), store.capture(run.id(), c.hook()));
            }
        }
        if (!lacking.isEmpty()) visit(run.id(), List.copyOf(lacking), visitor);
    }

    private RecapturePlan plan(RunManifest run, RecaptureRequest request) {
        if (request.capture() == null || request.capture().isEmpty()) {
            throw Problem.invalid("the recapture asks for nothing")
                    .where("capture")
                    .expected("hook names or globs, such as blocks.*.attn.hook_pattern");
        }
        if (request.maxBytes() != null && request.maxBytes() < 0) {
            throw Problem.invalid("the budget is negative").where("max_bytes").found(request.maxBytes());
        }
        ModelFolder folder = models.folder(run.model().slug());
        int all = run.positions();
        PositionRange wanted = new PositionRange(0, all);
        if (request.positions() != null) {
            int[] range = Slice.parse(request.positions(), "positions").on(all, "positions");
            wanted = new PositionRange(range[0], range[1]);
        }
        List<HookId> lacking = new ArrayList<>();
        for (HookId hook : folder.hooks(request.capture())) if (!has(run, hook, wanted)) lacking.add(hook);
        long bytes = lacking.isEmpty() ? 0 : CaptureBudget.bytes(folder.spec(), lacking, wanted.size(), all);
        long most = request.maxBytes() == null ? budget.maxBytes() : Math.min(budget.maxBytes(), request.maxBytes());
        return new RecapturePlan(run.id(), lacking, wanted.size() == all ? null : wanted, bytes, most);
    }

    private static boolean has(RunManifest run, HookId hook, PositionRange wanted) {
        return run.captures().stream()
                .anyMatch(c -> c.hook().equals(hook)
                        && (c.positions() == null || c.positions().holds(wanted)));
    }

    private void check(RecapturePlan plan) {
        if (plan.bytes() <= plan.budgetBytes()) return;
        throw Problem.tooLarge("what would be added does not fit the budget")
                .where("capture: " + plan.hooks().size() + " hooks")
                .expected("at most " + ByteCount.of(plan.budgetBytes()))
                .found(ByteCount.of(plan.bytes()))
                .instead(
                        plan.budgetBytes() < budget.maxBytes()
                                ? "raise max_bytes, or ask for fewer hooks or positions"
                                : "ask for fewer hooks or `positions`, or raise --capture-budget");
    }
}
