package org.llminspector.run.learn;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.llminspector.base.Problem;

/** A model is refused before its learner is opened where an update's copies would not fit the Java heap. */
class LearnersTest {

    @Test
    void copiesThatDoNotFitTheHeapAreRefusedWithWhatToSet() {
        long gemma = 268_098_176;
        assertThatThrownBy(() -> Learners.checkHeap("gemma-270m", gemma, 6L << 30))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("gemma-270m")
                .hasMessageContaining("268098176 parameters")
                .hasMessageContaining("-Xmx9g");
        assertThatCode(() -> Learners.checkHeap("gemma-270m", gemma, 9L << 30)).doesNotThrowAnyException();
    }
}
