package org.llminspector.run.sweep;

import java.util.List;
import org.llminspector.run.evaluate.Evaluation;
import org.llminspector.run.request.SweepRequest;
import org.llminspector.run.store.CorpusDivergence;

/**
 * A sweep of this program, under way or ended.
 *
 * @param request null where it cannot be read
 * @param sweep what it is of; null until its corpus is read; without the names of its parts
 * @param progress null unless it runs
 * @param estimate how long it will take; null until that is measured, and where it does not run
 * @param parts that are there
 * @param of all parts; 0 until the corpus is read
 * @param results reducers whose merged results are there
 * @param loss null until it is merged, or where it kept none
 * @param divergence of two sides; null until it is merged, or with one side
 * @param evaluation of tasks; null until it is merged, and for a corpus of texts
 * @param trouble why it failed, or null
 */
public record SweepJob(
        String id,
        State state,
        SweepRequest request,
        SweepManifest sweep,
        SweepListener.Progress progress,
        SweepListener.Estimate estimate,
        int parts,
        int of,
        List<String> results,
        SweepResults.Loss loss,
        CorpusDivergence divergence,
        Evaluation evaluation,
        String trouble) {

    /** A sweep whose files cannot be read. */
    static SweepJob unreadable(String id, String trouble) {
        return new SweepJob(id, State.FAILED, null, null, null, null, 0, 0, List.of(), null, null, null, trouble);
    }

    /** State of a sweep. */
    public enum State {
        RUNNING,
        STOPPING,
        STOPPED,
        FINISHED,
        FAILED
    }
}
