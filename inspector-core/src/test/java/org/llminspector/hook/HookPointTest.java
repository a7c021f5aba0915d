package org.llminspector.hook;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class HookPointTest {

    private static final List<Axis> SQUARE = List.of(Axis.BATCH, Axis.HEAD, Axis.QUERY, Axis.KEY);

    /** The two layouts that captures, comparisons and interventions read; they would misread a third without a word. */
    @ParameterizedTest
    @EnumSource
    void hasAKnownLayout(HookPoint point) {
        List<Axis> axes = point.axes();
        boolean rows = axes.size() > 1 && axes.get(0) == Axis.BATCH && axes.get(1) == Axis.POS;
        assertThat(rows || axes.equals(SQUARE))
                .as(
                        "%s is %s; another layout goes into CaptureBuffers, Divergence, Comparisons.at, RunAnalyses.statistics"
                                + " and the means of Change, Taps and InterventionInputs first",
                        point, axes)
                .isTrue();
    }
}
