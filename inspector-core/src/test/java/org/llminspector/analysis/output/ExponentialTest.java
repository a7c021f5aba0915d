package org.llminspector.analysis.output;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ExponentialTest {

    @Test
    void itIsWithinAFewUnitsOfTheLastPlace() {
        Random random = new Random(1);
        double worst = 0;
        for (int i = 0; i < 1_000_000; i++) {
            double x = -random.nextDouble() * Math.pow(10, random.nextInt(8) - 5);
            if (x <= -700) continue;
            double exact = StrictMath.exp(x);
            worst = Math.max(worst, Math.abs(Exponential.of(x) - exact) / exact);
        }
        assertThat(worst).isLessThan(1e-15);
    }

    @Test
    void itsEnds() {
        assertThat(Exponential.of(0)).isEqualTo(1);
        assertThat(Exponential.of(-0.0)).isEqualTo(1);
        assertThat(Exponential.of(-699.9)).isBetween(1e-304, 1.1e-304);
        assertThat(Exponential.of(-700)).isZero();
        assertThat(Exponential.of(Double.NEGATIVE_INFINITY)).isZero();
        assertThat(Exponential.of(Double.NaN)).isNaN();
    }
}
