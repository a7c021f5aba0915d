package org.llminspector.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Quantiles against torch.distributions.Normal(0, 1).icdf in float64. */
class NormalQuantileTest {

    @ParameterizedTest
    @CsvSource({
        "0.5, 0",
        "0.9, 1.2815515655446004",
        "0.1, -1.2815515655446004",
        "0.95, 1.6448536269514722",
        "0.999999, 4.753424308817088"
    })
    void isTorchs(double share, double quantile) {
        assertThat(NormalQuantile.of(share)).isCloseTo((float) quantile, within(1e-6f));
    }
}
