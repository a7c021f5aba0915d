package org.llminspector.analysis.reduce.state;

/**
 * Buckets of float32 numbers by sign, exponent and the first three bits of the mantissa: eight to an octave, in the order
 * of the numbers' bits, so that a bucket is the upper 12 bits.
 */
public final class LogBuckets {

    /** Bits of the mantissa that a bucket does not tell. */
    private static final int REST = 20;

    /** Buckets of all numbers, both signs; those of NaN and infinities, with the highest exponent, stay empty. */
    public static final int COUNT = 1 << 12;

    private LogBuckets() {}

    public static int of(float value) {
        return Float.floatToRawIntBits(value) >>> REST;
    }

    /** The end of a bucket that is nearer to zero. */
    public static double inner(int bucket) {
        return Float.intBitsToFloat(bucket << REST);
    }

    /** The end that is farther from zero. */
    public static double outer(int bucket) {
        int half = bucket & (COUNT / 2 - 1);
        double end = half + 1 < 0x7f8 ? Float.intBitsToFloat((half + 1) << REST) : 0x1p128;
        return bucket < COUNT / 2 ? end : -end;
    }

    /**
     * The value that a share of all numbers does not exceed, interpolated within its bucket: within 12.5 %.
     *
     * @param counts [COUNT], without zeros
     * @return NaN where nothing was counted
     */
    public static double quantile(long[] counts, long zeros, double share) {
        long n = zeros;
        for (long c : counts) n += c;
        if (n == 0) return Double.NaN;
        double rank = share * n;
        double before = 0;
        for (int b = COUNT - 1; b >= COUNT / 2; b--) { // from the lowest negative number upwards
            if (counts[b] > 0 && before + counts[b] >= rank)
                return between(outer(b), inner(b), rank - before, counts[b]);
            before += counts[b];
        }
        if (zeros > 0 && before + zeros >= rank) return 0;
        before += zeros;
        for (int b = 0; b < COUNT / 2; b++) {
            if (counts[b] > 0 && before + counts[b] >= rank)
                return between(inner(b), outer(b), rank - before, counts[b]);
            before += counts[b];
        }
        throw new IllegalStateException("share " + share);
    }

    private static double between(double low, double high, double rank, long count) {
        return low + (high - low) * Math.max(0, rank) / count;
    }
}
