package org.llminspector.analysis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

/** Numbers placed on circles are found there; EmbeddingsTest compares real tables with numpy. */
class FourierTest {

    private static final int P = 11;

    /** Three times round on a circle of radius 2, once round on one of radius 1, and a mean that does not count. */
    private static float[][] clock() {
        float[][] rows = new float[P][];
        for (int n = 0; n < P; n++) {
            double a = 2 * Math.PI * 3 * n / P;
            double b = 2 * Math.PI * n / P;
            rows[n] = new float[] {
                (float) (2 * Math.cos(a)) + 5, (float) (2 * Math.sin(a)), (float) Math.cos(b), (float) Math.sin(b) - 1
            };
        }
        return rows;
    }

    @Test
    void sharesAreThoseOfTheCircles() {
        double[] shares = Fourier.of(clock()).shares();
        assertThat(shares).hasSize(5);
        assertThat(shares[2]).isCloseTo(0.8, within(1e-6));
        assertThat(shares[0]).isCloseTo(0.2, within(1e-6));
        assertThat(shares[1] + shares[3] + shares[4]).isCloseTo(0, within(1e-6));
    }

    @Test
    void theirPlaneShowsTheCircle() {
        double[][] plane = Fourier.of(clock()).plane(3);
        for (int n = 0; n < P; n++) {
            double turn = 2 * Math.PI * 3 * n / P;
            assertThat(plane[n][0]).isCloseTo(2 * Math.cos(turn), within(1e-5));
            assertThat(plane[n][1]).isCloseTo(2 * Math.sin(turn), within(1e-5));
        }
    }

    @Test
    void halfOfAnEvenPeriodIsOneWave() {
        float[][] rows = {{1}, {-1}, {1}, {-1}};
        Fourier fourier = Fourier.of(rows);
        assertThat(fourier.shares()[1]).isCloseTo(1, within(1e-12));
        assertThat(fourier.plane(2)[3]).containsExactly(-1, 0);
    }

    @Test
    void rowsThatAreAllEqualHaveNoWaves() {
        assertThat(Fourier.of(new float[][] {{3}, {3}, {3}}).shares()).containsOnly(0);
    }
}
