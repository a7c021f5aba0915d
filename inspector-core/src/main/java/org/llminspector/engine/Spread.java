package org.llminspector.engine;

import java.util.List;

/**
 * Spread is what repeated measurements came to, in milliseconds.
 *
 * @param runs how many there were
 */
public record Spread(double median, double min, double max, int runs) {

    /** @param ms at least one */
    public static Spread of(List<Double> ms) {
        List<Double> sorted = ms.stream().sorted().toList();
        int n = sorted.size();
        double median = (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
        return new Spread(median, sorted.get(0), sorted.get(n - 1), n);
    }
}
