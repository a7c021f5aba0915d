package org.llminspector.run;

import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.llminspector.base.ByteCount;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.capture.CaptureBudget;
import org.llminspector.hook.HookId;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.models.OpenModels;
import org.llminspector.run.models.RunQueue;
import org.llminspector.run.store.PositionRange;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;

/**
 * Extensions get what finished runs did not capture: the same tokens are read again, on the same engine with the same
 * changes, and what was asked for is added to the run. Safe on any thread; runs are read again one at a time, so that of
 * two who ask for the same at once the second finds it there.
 */
public final class Extensions {

    private final OpenModels models;
    private final RunStore store;
    private final RunQueue queue;
    private final CaptureBudget budget;

    Extensions(OpenModels models, RunStore store, RunQueue queue, CaptureBudget budget) {
        this.models = models;
        this.store = store;
        this.queue = queue;
        this.budget = budget;
    }

    /**
     * What {@link #extend} would do, told before it does it.
     *
     * @throws Problem NOT_FOUND where there is no such run; INVALID for hooks or positions that it does not have;
     *     UNSUPPORTED for hooks that its engine does not show
     */
    public ExtensionPlan plan(String runId, ExtensionRequest request) {
        return plan(store.manifest(runId), request);
    }

    /**
     * Reads a run's tokens again for what it lacks; blocks. The manifest as it was when it lacks nothing.
     *
     * @throws Problem as {@link #plan}; CONFLICT where the model has other weights now; TOO_LARGE above the budget;
     *     BUSY while the queue is full; STORAGE where it cannot be kept
     */
    public RunManifest extend(String runId, ExtensionRequest request) {
        RunManifest before = store.manifest(runId);
        ExtensionPlan wanted = plan(before, request);
        check(wanted);
        if (wanted.hooks().isEmpty()) return before;
        ModelFolder folder = models.folder(before.model().slug());
        String device = before.engine().device();
        try (RunQueue.Place place = queue.enter("extension", folder.slug());
                OpenModels.Hold hold = models.hold(
                        folder, before.engine().name(), device, before.request().plan(), place::cancelled)) {
            return place.call(() -> {
                RunManifest run = store.manifest(runId); // others may have extended it meanwhile
                ExtensionPlan plan = plan(run, request);
                if (plan.hooks().isEmpty()) return run;
                check(plan);
                return new Rereading(run, plan, models, store, budget, queue::checkCancelled).extend();
            });
        }
    }

    /** Reads a run's tokens again and gives these hooks' values, over all positions, to a visitor; nothing is kept. Blocks. */
    void visit(String runId, List<HookId> hooks, BiConsumer<HookId, Tensor> visitor) {
        RunManifest run = store.manifest(runId);
        ModelFolder folder = models.folder(run.model().slug());
        folder.hooks(hooks.stream().map(HookId::name).toList());
        String device = run.engine().device();
        try (RunQueue.Place place = queue.enter("rereading", folder.slug());
                OpenModels.Hold hold = models.hold(
                        folder, run.engine().name(), device, run.request().plan(), place::cancelled)) {
            place.call(() -> {
                ExtensionPlan plan = new ExtensionPlan(runId, hooks, null, 0, budget.maxBytes());
                new Rereading(run, plan, models, store, budget, queue::checkCancelled).visit(visitor);
                return null;
            });
        }
    }

    private ExtensionPlan plan(RunManifest run, ExtensionRequest request) {
        if (request.capture() == null || request.capture().isEmpty()) {
            throw Problem.invalid("the extension asks for nothing")
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
        return new ExtensionPlan(run.id(), lacking, wanted.size() == all ? null : wanted, bytes, most);
    }

    private static boolean has(RunManifest run, HookId hook, PositionRange wanted) {
        return run.captures().stream()
                .anyMatch(c -> c.hook().equals(hook)
                        && (c.positions() == null || c.positions().holds(wanted)));
    }

    private void check(ExtensionPlan plan) {
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
