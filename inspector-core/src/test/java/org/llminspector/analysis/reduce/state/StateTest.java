package org.llminspector.analysis.reduce.state;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.llminspector.base.DType;
import org.llminspector.base.Problem;
import org.llminspector.base.Tensor;

/** Whole numbers in the narrowest type that has them. */
class StateTest {

    @Property
    void narrowedNumbersAreTheSame(@ForAll @Size(max = 20) long[] values) {
        Tensor t = State.of(values, values.length);
        assertThat(State.longs(State.narrowed(t), "t")).isEqualTo(values);
    }

    @Property
    void narrowedIntsAreTheSame(@ForAll @Size(max = 20) int[] values) {
        assertThat(State.ints(State.narrowed(State.of(values, values.length)), "t"))
                .isEqualTo(values);
    }

    @Test
    void theNarrowestTypeHasBothEnds() {
        assertThat(type(-128, 127)).isEqualTo(DType.I8);
        assertThat(type(0, 128)).isEqualTo(DType.I16);
        assertThat(type(-129, 0)).isEqualTo(DType.I16);
        assertThat(type(-32_769, 0)).isEqualTo(DType.I32);
        assertThat(type(0, 1L << 31)).isEqualTo(DType.I64);
        assertThat(State.narrowed(State.of(new float[] {1}, 1)).dtype()).isEqualTo(DType.F32);
        assertThatThrownBy(() -> State.ints(State.of(new long[] {1}, 1), "size"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("I32");
        assertThatThrownBy(() -> State.longs(State.of(new float[] {1}, 1), "count"))
                .isInstanceOf(Problem.class)
                .hasMessageContaining("I64");
    }

    private static DType type(long... values) {
        return State.narrowed(State.of(values, values.length)).dtype();
    }
}
