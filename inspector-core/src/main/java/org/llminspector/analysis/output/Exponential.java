package org.llminspector.analysis.output;

/**
 * e to numbers of at most 0, as a softmax over a whole vocabulary needs it: about twice as fast as Math.exp, and of sums and
 * products alone, so that every machine has the same bits.
 *
 * <p>{@code x = (64 m + i) ln 2 / 64 + r}: 2^m times a table's 2^(i/64) times a polynomial of r, |r| at most 0.0055. Relative error
 * below 1e-15; 0 below -700.
 */
public final class Exponential {

    private static final int PARTS = 64;

    /** Added to a number it leaves the nearest integer in the low bits. */
    private static final double ROUND = 0x1.8p52;

    private static final double PER_PART = PARTS / 0x1.62e42fefa39efp-1;

    /** ln 2 / 64 in two parts, of which products of the first with m and i are exact (fdlibm's ln2HI and ln2LO). */
    private static final double HIGH = 0x1.62e42feep-1 / PARTS;

    private static final double LOW = 0x1.a39ef35793c76p-33 / PARTS;

    private static final double[] TABLE = new double[PARTS];

    static {
        for (int i = 0; i < PARTS; i++) TABLE[i] = StrictMath.pow(2, (double) i / PARTS);
    }

    private Exponential() {}

    /** @param x at most 0, or NaN */
    public static double of(double x) {
        if (!(x > -700)) return x <= -700 ? 0 : Double.NaN;
        double shifted = x * PER_PART + ROUND;
        int parts = (int) Double.doubleToRawLongBits(shifted);
        double n = shifted - ROUND;
        double r = x - n * HIGH - n * LOW;
        double p = 1 + r * (1 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
        double power = Double.longBitsToDouble((long) ((parts >> 6) + 1023) << 52);
        return TABLE[parts & (PARTS - 1)] * p * power;
    }
}
