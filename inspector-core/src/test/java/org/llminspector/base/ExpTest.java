package org.llminspector.base;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ExpTest {

    @Test
    void isWithinTwoUlps() {
        Random random = new Random(4);
        for (int i = 0; i < 200_000; i++) {
            double x = -random.nextDouble() * (i % 2 == 0 ? 700 : 40);
            double exact = Math.exp(x);
            assertThat(Math.abs(Exp.exp(x) - exact)).as("e^" + x).isLessThanOrEqualTo(2 * Math.ulp(exact));
        }
        assertThat(Exp.exp(0)).isEqualTo(1);
        assertThat(Exp.exp(-0.0)).isEqualTo(1);
        assertThat(Exp.exp(-701)).isZero();
        assertThat(Exp.exp(Double.NEGATIVE_INFINITY)).isZero();
        assertThat(Exp.exp(Double.NaN)).isNaN();
        assertThat(Exp.exp(-6e38)).isZero();
    }
}
