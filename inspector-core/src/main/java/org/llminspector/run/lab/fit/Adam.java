package org.llminspector.run.lab.fit;

/** Adam (Kingma and Ba 2015), with its usual betas, over one array of parameters. */
final class Adam {

    private static final double BETA1 = 0.9;
    private static final double BETA2 = 0.999;
    private static final double EPS = 1e-8;

    private final double rate;
    private final double[] mean;
    private final double[] square;
    private int step;

    Adam(int parameters, double rate) {
        this.rate = rate;
        this.mean = new double[parameters];
        this.square = new double[parameters];
    }

    /** Moves the parameters against the gradient. */
    void update(double[] parameters, double[] gradient) {
        step++;
        double first = 1 - Math.pow(BETA1, step);
        double second = 1 - Math.pow(BETA2, step);
        for (int i = 0; i < parameters.length; i++) {
            mean[i] = BETA1 * mean[i] + (1 - BETA1) * gradient[i];
            square[i] = BETA2 * square[i] + (1 - BETA2) * gradient[i] * gradient[i];
            parameters[i] -= rate * (mean[i] / first) / (Math.sqrt(square[i] / second) + EPS);
        }
    }
}
