package org.llminspector.run;

import java.util.List;
import org.llminspector.hook.HookId;
import org.llminspector.run.store.PositionRange;

/**
 * RecapturePlan is what an extension would read and keep.
 *
 * @param run the run's id
 * @param hooks that the run lacks, as data flows; nothing is read when there are none
 * @param positions that would be kept, null for all
 * @param bytes that would be kept
 * @param budgetBytes most that may be
 */
public record RecapturePlan(String run, List<HookId> hooks, PositionRange positions, long bytes, long budgetBytes) {}
