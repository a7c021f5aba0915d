package org.llminspector.engine;

import java.util.List;

/**
 * Median and range of repeated measurements, in milliseconds.
 *
 * @param runs number of measurements
 */
public record TimingSummary(double median, double min, double max, int runs) {

    /** @param ms at least one */
    public static TimingSummary of(List<Double> ms) {
        List<Double> sorted = ms.stream().sorted().toList();
        int n = sorted.size();
        double median = (sorted.get((n - 1) / 2) + sorted.get(n / 2)) / 2;
        return new TimingSummary(median, sorted.get(0), sorted.get(n - 1), n);
    }
}
