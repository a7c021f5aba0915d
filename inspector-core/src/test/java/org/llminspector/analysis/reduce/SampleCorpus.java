package org.llminspector.analysis.reduce;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.llminspector.base.Tensor;
import org.llminspector.hook.Axis;
import org.llminspector.hook.HookId;
import org.llminspector.hook.HookPoint;
import org.llminspector.hook.HookShape;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;

/** Random batches of windows with random hooked values, the same for the same seed. */
final class SampleCorpus {

    static final int VOCAB = 11;

    /** Of two layers: attention and 300 neurons, then attention and four experts. */
    static final DecoderSpec SPEC = spec();

    /** Batches in the order of their windows. */
    final List<WindowBatch> batches = new ArrayList<>();

    private final DecoderSpec spec;
    private final long seed;
    private final boolean nonfinite;

    /** @param nonfinite whether one value in forty is NaN or infinite */
    SampleCorpus(long seed, int count, boolean nonfinite) {
        this(SPEC, seed, count, nonfinite);
    }

    SampleCorpus(DecoderSpec spec, long seed, int count, boolean nonfinite) {
        this.spec = spec;
        this.seed = seed;
        this.nonfinite = nonfinite;
        Random random = new Random(seed);
        long window = 0;
        long document = 0;
        for (int b = 0; b < count; b++) {
            int rows = 1 + random.nextInt(3);
            int positions = 2 + random.nextInt(6);
            int[][] tokens = new int[rows][positions];
            int[] from = new int[rows];
            long[] windows = new long[rows];
            long[] documents = new long[rows];
            for (int r = 0; r < rows; r++) {
                for (int p = 0; p < positions; p++) tokens[r][p] = random.nextInt(VOCAB);
                from[r] = random.nextInt(3) == 0 ? random.nextInt(positions + 1) : 0;
                windows[r] = window++;
                if (random.nextBoolean()) document++;
                documents[r] = document;
            }
            batches.add(new WindowBatch(tokens, from, windows, documents));
        }
    }

    /** A value of the hook over these windows: always the same. */
    Tensor value(WindowBatch batch, HookId hook) {
        Random random = new Random(seed * 31 + hook.name().hashCode() * 17L + batch.window()[0]);
        long[] shape =
                HookShape.of(hook.point(), spec, Math.max(0, hook.layer()), batch.positions(), batch.positions());
        shape[0] = batch.size();
        float[] x = new float[Math.toIntExact(Tensor.elements(shape))];
        int last = Math.toIntExact(shape[shape.length - 1]);
        for (int at = 0; at < x.length; at += last) {
            if (hook.point() == HookPoint.PATTERN) attend(random, x, at, at / last % last);
            else if (hook.point() == HookPoint.EXPERT_INDICES)
                choose(
                        random,
                        x,
                        at,
                        last,
                        spec.layers().get(hook.layer()).mlp().experts().count());
            else for (int i = 0; i < last; i++) x[at + i] = any(random);
        }
        return Tensor.of(x, shape);
    }

    /** Often a number of few digits, so that values are equal. */
    private float any(Random random) {
        int kind = random.nextInt(40);
        if (kind == 0) return nonfinite ? new float[] {Float.NaN, 1 / 0f, -1 / 0f}[random.nextInt(3)] : 0;
        if (kind < 4) return kind == 1 ? -0f : 0;
        if (kind < 12) return random.nextInt(9) - 4;
        return (float) (random.nextGaussian() * Math.pow(2, random.nextInt(5)));
    }

    private void attend(Random random, float[] x, int at, int query) {
        float sum = 0;
        for (int k = 0; k <= query; k++) {
            x[at + k] = random.nextFloat();
            sum += x[at + k];
        }
        for (int k = 0; k <= query; k++) x[at + k] /= sum;
        if (nonfinite && random.nextInt(20) == 0) x[at] = Float.NaN;
    }

    private static void choose(Random random, float[] x, int at, int slots, int experts) {
        for (int s = 0; s < slots; s++) {
            boolean taken = true;
            while (taken) {
                x[at + s] = random.nextInt(experts);
                taken = false;
                for (int before = 0; before < s; before++) taken |= x[at + before] == x[at + s];
            }
        }
    }

    /** Adds batches [from, to) to the reducer. */
    <R extends Reducer> R add(R reducer, int from, int to) {
        for (WindowBatch batch : batches.subList(from, to)) {
            for (HookId hook : reducer.hooks()) reducer.add(batch, hook, value(batch, hook));
            reducer.end(batch);
        }
        return reducer;
    }

    /** Values of the positions that count, in order: one array a position, of all axes after {@code pos}. */
    List<float[]> counted(HookId hook) {
        assert hook.point().axes().get(1) == Axis.POS;
        List<float[]> all = new ArrayList<>();
        for (WindowBatch batch : batches) {
            float[] x = value(batch, hook).toFloats();
            int channels = x.length / batch.size() / batch.positions();
            for (int r = 0; r < batch.size(); r++) {
                for (int p = batch.from()[r]; p < batch.positions(); p++) {
                    int at = (r * batch.positions() + p) * channels;
                    all.add(java.util.Arrays.copyOfRange(x, at, at + channels));
                }
            }
        }
        return all;
    }

    private static DecoderSpec spec() {
        Norm norm = new Norm(Norm.Kind.RMS, 1e-5);
        Attention attention = Attention.plain(3, 3, 4, null, null, false, false);
        Mlp dense = new Mlp(300, Activation.SILU, true, false);
        Mlp mixture = new Mlp(5, Activation.SILU, true, false, null, new Experts(4, 2, true));
        DecoderSpec llama = DecoderSpec.llama("sample", VOCAB, 12, 64, 2, attention, 300, 1e-5, false);
        List<LayerSpec> layers = List.of(
                new LayerSpec(norm, attention, null, norm, dense, null, false),
                new LayerSpec(norm, attention, null, norm, mixture, null, false));
        return new DecoderSpec("sample", VOCAB, 12, 64, false, 1f, layers, llama.finalNorm(), false, false, null, null);
    }
}
