package org.llminspector.run.replay;

import java.util.Collection;
import org.llminspector.base.Problem;
import org.llminspector.base.Slice;
import org.llminspector.base.Tensor;
import org.llminspector.hook.HookId;
import org.llminspector.run.models.ModelFolder;
import org.llminspector.run.store.RunManifest;
import org.llminspector.run.store.RunStore;

/** A stored run's values at one position. */
public final class RunValues {

    private final RunManifest run;
    private final int pos;
    private final RunStore store;

    private RunValues(RunManifest run, int pos, RunStore store) {
        this.run = run;
        this.pos = pos;
        this.store = store;
    }

    /**
     * These hooks at a position; hooks that the run lacks are recaptured and stored with it.
     *
     * @param pos negative from the end; null for the prompt's last
     */
    public static RunValues of(
            String runId, Integer pos, Collection<HookId> hooks, RunStore store, Recaptures recaptures) {
        RunManifest run = store.manifest(runId);
        int at = position(run, pos, "pos");
        RecaptureRequest wanted =
                new RecaptureRequest(hooks.stream().map(HookId::name).toList(), String.valueOf(at), null);
        return new RunValues(recaptures.extend(runId, wanted), at, store);
    }

    /** Resolves a position: negative from the end, null for the prompt's last. */
    public static int position(RunManifest run, Integer wanted, String field) {
        if (wanted == null) return run.promptLength() - 1;
        return Slice.at(wanted).on(run.positions(), field)[0];
    }

    /** Refuses weights other than those that made the run. */
    public static void sameWeights(RunManifest run, ModelFolder folder) {
        String now = folder.sha256();
        if (now.equals(run.model().weightsSha256())) return;
        throw Problem.of(Problem.Kind.CONFLICT, "the model's weights are others than those that the run was made with")
                .where("run " + run.id())
                .expected("sha256 " + run.model().weightsSha256())
                .found(now)
                .instead("run it again on the weights as they are now");
    }

    /** One position of a captured tensor; the axis is kept. */
    public static Tensor row(RunStore store, String runId, HookId hook, int pos) {
        RunStore.Captured captured = store.captured(runId, hook, Slice.at(pos));
        long[] shape = captured.tensor().shape();
        int[][] ranges = new int[shape.length][];
        for (int a = 0; a < shape.length; a++) ranges[a] = new int[] {0, Math.toIntExact(shape[a])};
        ranges[hook.point().positionAxis()] = new int[] {pos - captured.start(), pos - captured.start() + 1};
        return captured.tensor().slice(ranges);
    }

    public int pos() {
        return pos;
    }

    /** All values of a hook at this position. */
    public float[] at(HookId hook) {
        return row(store, run.id(), hook, pos).toFloats();
    }
}
