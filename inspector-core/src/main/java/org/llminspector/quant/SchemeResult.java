package org.llminspector.quant;

import java.util.ArrayList;
import java.util.List;

/**
 * Size, error and code counts of a weight under one scheme.
 *
 * @param bytes packed, with scales and zero points
 * @param codes count of each code that occurs, in code order; empty for 16-bit floats
 * @param refused why the scheme refuses this weight, or null; then the error is null
 */
public record SchemeResult(
        SchemeInfo scheme, long bytes, double bitsPerWeight, QuantError error, List<CodeCount> codes, String refused) {

    public record CodeCount(int code, long count) {}

    public SchemeResult {
        codes = List.copyOf(codes);
    }

    static SchemeResult of(QuantScheme scheme, WeightRows weights, ErrorSums sums) {
        List<CodeCount> codes = new ArrayList<>();
        boolean signed = scheme instanceof IntScheme i && i.symmetric();
        for (int i = 0; i < sums.counts.length; i++) {
            if (sums.counts[i] > 0) codes.add(new CodeCount(signed ? i - 128 : i, sums.counts[i]));
        }
        return sized(scheme, weights, sums.error(weights.size()), codes, null);
    }

    static SchemeResult refused(QuantScheme scheme, WeightRows weights, String why) {
        return sized(scheme, weights, null, List.of(), why);
    }

    private static SchemeResult sized(
            QuantScheme scheme, WeightRows weights, QuantError error, List<CodeCount> codes, String refused) {
        long bytes = scheme.bytes(weights.rows, weights.cols);
        double bits = weights.size() == 0 ? 0 : 8.0 * bytes / weights.size();
        return new SchemeResult(SchemeInfo.of(scheme), bytes, bits, error, codes, refused);
    }
}
