package org.llminspector.run.replay;

import java.util.List;
import org.llminspector.hook.HookId;
import org.llminspector.run.store.PositionRange;

/**
 * What a recapture would read and store.
 *
 * @param run the run's id
 * @param hooks that the run lacks, in data-flow order; nothing is read when there are none
 * @param positions that would be stored, null for all
 * @param bytes that would be stored
 * @param budgetBytes most bytes allowed
 */
public record RecapturePlan(String run, List<HookId> hooks, PositionRange positions, long bytes, long budgetBytes) {}
