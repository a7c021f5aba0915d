package org.llminspector.run.models;

import org.llminspector.engine.KvFormats;
import org.llminspector.engine.KvShape;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/** Estimates the memory of a running sequence: its KV cache and the scratch memory of a pass. */
public final class PassMemory {

    /** Vectors of d_model that a short convolution uses at once: B, C, X, its input, its sum and the output. */
    private static final long CONV = 6;

    /** Copies of the scores [head, query, key] that the hooked form uses at once: masked, softmax, pattern. */
    private static final int TAPPED_SCORES = 3;

    private static final long MOST = 1L << 58;

    private PassMemory() {}

    /**
     * Bytes of the KV cache, plus the largest layer again for its reallocation.
     *
     * @param positions most positions of the sequence
     */
    public static long cache(Iterable<KvShape> layers, KvFormats formats, long positions) {
        double sum = 0;
        double largest = 0;
        for (KvShape layer : layers) {
            double bytes = (double) layer.bytes(formats) * positions;
            sum += bytes;
            largest = Math.max(largest, bytes);
        }
        return (long) Math.min(MOST, sum + largest);
    }

    /**
     * Bytes of the float32 values in use at once in the costliest layer of a pass: the residual stream and its normed
     * copy (2 n d); then the larger of the MLP's (2 n m, 3 n m gated) and attention's (q, k, v, and q and k rotated; k
     * and v repeated for the heads that share them; decoded where the cache is not fp32; the output), or a short
     * convolution's; scores [head, n, keys] where no kernel avoids them and a mask [n, keys] for a window or a cap; one
     * row of logits, or where all positions' are requested [n, vocab] twice: the product, and its scaled or capped
     * form.
     *
     * @param n positions of the pass
     * @param keys positions that it attends to, its own included
     * @param scores whether scores and patterns are made: in every form but torch's fused one
     * @param logits whether the logits of all positions are requested
     */
    public static long scratch(
            DecoderSpec spec, KvFormats kv, long n, long keys, boolean torch, boolean scores, boolean logits) {
        double most = 0;
        for (LayerSpec layer : spec.layers()) {
            double mixer = layer.attends()
                    ? attention(layer.attention(), kv, (double) n, (double) keys, torch, scores)
                    : (double) CONV * n * spec.dModel();
            most = Math.max(most, Math.max(mlp(layer.mlp(), spec, (double) n), mixer));
        }
        double rows = logits ? 2.0 * n : 1;
        return (long) Math.min(MOST, Float.BYTES * (2.0 * n * spec.dModel() + most + rows * spec.vocab()));
    }

    private static double mlp(Mlp m, DecoderSpec spec, double n) {
        double neurons = n * m.dMlp();
        Experts e = m.experts();
        // The input and the output of each expert slot are in use at once.
        if (e != null) {
            neurons = e.active() * (neurons + n * spec.dModel()) + (e.dShared() == null ? 0 : n * e.dShared());
        }
        return (m.gated() ? 3 : 2) * neurons;
    }

    private static double attention(Attention a, KvFormats kv, double n, double keys, boolean torch, boolean scores) {
        double q = n * a.nHeads() * a.dHead();
        double kv1 = n * a.nKvHeads() * a.dHead();
        double values = 2 * (q + kv1) + kv1 + q;
        if (torch && a.nHeads() > a.nKvHeads()) values += 2 * q;
        if (!kv.equals(KvFormats.FP32)) values += 2 * kv1;
        double made = scores || a.scoreSoftcap() != null ? a.nHeads() * n * keys * (torch ? TAPPED_SCORES : 1) : 0;
        double mask = a.window() != null || a.scoreSoftcap() != null ? n * keys : 0;
        return values + made + mask;
    }

    /**
     * Bytes of a forward and backward pass: every intermediate value of every layer, scores and patterns included, and
     * four rows of the vocabulary per position (logits, log-softmax, their gradients).
     *
     * @param n positions of all sequences of the pass
     * @param keys positions of one sequence
     */
    public static long gradients(DecoderSpec spec, long n, long keys) {
        double floats = 4.0 * n * spec.vocab();
        for (LayerSpec layer : spec.layers()) {
            floats += 10.0 * n * spec.dModel() + 4.0 * mlp(layer.mlp(), spec, (double) n) / 3;
            if (!layer.attends()) continue;
            Attention a = layer.attention();
            floats += 4.0 * n * (a.nHeads() + 2 * a.nKvHeads()) * a.dHead() + 3.0 * a.nHeads() * n * keys;
        }
        return (long) Math.min(MOST, Float.BYTES * floats);
    }
}
