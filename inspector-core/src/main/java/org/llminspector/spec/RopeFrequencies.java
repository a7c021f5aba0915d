package org.llminspector.spec;

/**
 * Frequencies of a {@link Rope}, one per pair, and the factor on cos and sin.
 *
 * <p>The arithmetic follows Hugging Face transformers' modeling_rope_utils.py in float32 where that does.
 */
public final class RopeFrequencies {

    private RopeFrequencies() {}

    /**
     * Rotation angle per position of each pair, in radians.
     *
     * @param seqLen sequence length so far (used by dynamic and longrope only)
     * @return one per pair
     */
    public static float[] perPosition(Rope rope, int seqLen) {
        if (rope.scaling() instanceof Rope.Default) return base(rope.theta(), rope.dims());
        if (rope.scaling() instanceof Rope.Linear linear) {
            float[] f = base(rope.theta(), rope.dims());
            for (int i = 0; i < f.length; i++) f[i] /= (float) linear.factor();
            return f;
        }
        if (rope.scaling() instanceof Rope.Dynamic dynamic) return dynamic(rope, dynamic, seqLen);
        if (rope.scaling() instanceof Rope.Yarn yarn) return yarn(rope, yarn);
        if (rope.scaling() instanceof Rope.Llama3 llama3) return llama3(rope, llama3);
        if (rope.scaling() instanceof Rope.LongRope longRope) return longRope(rope, longRope, seqLen);
        if (rope.scaling() instanceof Rope.Proportional part) return proportional(rope, part);
        throw new IllegalStateException("unknown scaling " + rope.scaling());
    }

    /** Factor on cos and sin: 1 except for yarn and longrope. */
    public static float attentionFactor(Rope rope) {
        if (rope.scaling() instanceof Rope.Yarn yarn) return (float) yarn.attentionFactor();
        if (rope.scaling() instanceof Rope.LongRope longRope) return (float) longRope.attentionFactor();
        return 1f;
    }

    private static float[] base(double theta, int dims) {
        float[] f = periods(theta, dims);
        for (int i = 0; i < f.length; i++) f[i] = 1f / f[i];
        return f;
    }

    /** theta ^ (2 i / dims): positions per radian of pair i. */
    private static float[] periods(double theta, int dims) {
        float[] p = new float[(dims + 1) / 2];
        for (int i = 0; i < p.length; i++) p[i] = (float) Math.pow((float) theta, (float) (2 * i) / dims);
        return p;
    }

    private static float[] proportional(Rope rope, Rope.Proportional s) {
        float[] f = base(rope.theta(), rope.dims());
        int turning = (int) (s.share() * rope.dims() / 2);
        for (int i = 0; i < f.length; i++) f[i] = i < turning ? f[i] / (float) s.factor() : 0;
        return f;
    }

    private static float[] dynamic(Rope rope, Rope.Dynamic s, int seqLen) {
        double length = Math.max(seqLen, s.maxContext());
        double d = rope.dims();
        double theta = rope.theta() * Math.pow(s.factor() * length / s.maxContext() - (s.factor() - 1), d / (d - 2));
        return base(theta, rope.dims());
    }

    private static float[] yarn(Rope rope, Rope.Yarn s) {
        double low = correctionDim(rope, s.betaFast(), s.originalContext());
        double high = correctionDim(rope, s.betaSlow(), s.originalContext());
        if (s.truncate()) {
            low = Math.floor(low);
            high = Math.ceil(high);
        }
        low = Math.max(low, 0);
        high = Math.min(high, rope.dims() - 1.0);
        if (low == high) high += 0.001;
        float[] f = periods(rope.theta(), rope.dims());
        for (int i = 0; i < f.length; i++) {
            float keep = 1f - (float) Math.min(1, Math.max(0, (i - low) / (high - low)));
            float interpolated = 1f / ((float) s.factor() * f[i]);
            f[i] = interpolated * (1f - keep) + 1f / f[i] * keep;
        }
        return f;
    }

    /** The (fractional) pair index with {@code rotations} full rotations over the original context. */
    private static double correctionDim(Rope rope, double rotations, int originalContext) {
        return rope.dims() * Math.log(originalContext / (rotations * 2 * Math.PI)) / (2 * Math.log(rope.theta()));
    }

    private static float[] llama3(Rope rope, Rope.Llama3 s) {
        float[] f = base(rope.theta(), rope.dims());
        double lowWavelength = s.originalContext() / s.lowFreqFactor();
        double highWavelength = s.originalContext() / s.highFreqFactor();
        for (int i = 0; i < f.length; i++) {
            double wavelength = 2 * Math.PI / f[i];
            float scaled = f[i] / (float) s.factor();
            if (wavelength > lowWavelength) {
                f[i] = scaled;
            } else if (wavelength >= highWavelength) {
                float smooth = (float) ((s.originalContext() / wavelength - s.lowFreqFactor())
                        / (s.highFreqFactor() - s.lowFreqFactor()));
                f[i] = (1 - smooth) * scaled + smooth * f[i];
            }
        }
        return f;
    }

    private static float[] longRope(Rope rope, Rope.LongRope s, int seqLen) {
        var factors = seqLen > s.originalContext() ? s.longFactor() : s.shortFactor();
        float[] f = periods(rope.theta(), rope.dims());
        for (int i = 0; i < f.length; i++) f[i] = 1f / (factors.get(i).floatValue() * f[i]);
        return f;
    }
}
