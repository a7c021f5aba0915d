package org.llminspector.run.models;

import org.llminspector.engine.EngineKind;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Recurrent;

/** Estimates the memory of a running sequence: its KV cache and the scratch memory of a pass. */
public final class PassMemory {

    /** Vectors of d_model that a short convolution uses at once: B, C, X, its input, its sum and the output. */
    private static final long CONV = 6;

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
     * @param keys positions that it sees, its own included
     * @param hooked whether the pass runs in the engine's hooked form
     * @param logits whether the logits of all positions are asked for
     */
    public static long scratch(
            DecoderSpec spec, KvFormats kv, long n, long keys, EngineKind engine, boolean hooked, boolean logits) {
        double most = 0;
        for (LayerSpec layer : spec.layers()) {
            double mixer = layer.attends()
                    ? attention(layer.attention(), kv, (double) n, (double) keys, engine, hooked)
                    : (double) CONV * n * spec.dModel();
            if (layer.recurrence() != null) mixer = Math.max(mixer, recurrence(layer.recurrence(), (double) n));
            most = Math.max(most, Math.max(mlp(layer.mlp(), spec, (double) n), mixer));
        }
        double rows = logits ? 2.0 * n : 1;
        double streams = spec.altUp() == null ? 2 : 4.0 * spec.altUp().forms(); // before and after, and two mixtures
        if (spec.layerInputs() != null)
            most += 3.0 * n * spec.nLayers() * spec.layerInputs().width();
        return (long) Math.min(MOST, Float.BYTES * (streams * n * spec.dModel() + most + rows * spec.vocab()));
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

    /** The parts that a step reads and the output (8 vectors), and the state before and after each step. */
    private static double recurrence(Recurrent r, double n) {
        double decays = r instanceof Mamba m ? (double) m.dHead() * m.dState() : r.nHeads();
        return n * (8.0 * r.nHeads() * r.dHead() + 3.0 * r.nHeads() * r.dState() + decays) + 4.0 * r.stateSize();
    }

    private static double attention(
            Attention a, KvFormats kv, double n, double keys, EngineKind engine, boolean hooked) {
        double q = n * a.nHeads() * a.dHead();
        double kv1 = n * a.nKvHeads() * Math.max(a.dHead(), a.dValue());
        double z = n * a.nHeads() * a.dValue() * (a.gated() ? 3 : 1);
        double values = 2 * (q + kv1) + kv1 + z;
        if (engine.repeatsKeys() && a.nHeads() > a.nKvHeads()) values += 2 * q;
        if (!kv.equals(KvFormats.FP32)) values += 2 * kv1;
        double made = a.nHeads() * n * keys * engine.scoreCopies(hooked || a.scoreSoftcap() != null);
        double mask = a.window() != null || a.chunk() != null || a.scoreSoftcap() != null ? n * keys : 0;
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
            Recurrent r = layer.recurrence();
            if (r != null) floats += recurrence(r, (double) n) + 4.0 * n * r.stateSize();
            if (!layer.attends()) continue;
            Attention a = layer.attention();
            floats += 4.0 * n * (a.nHeads() + 2 * a.nKvHeads()) * a.dHead() + 3.0 * a.nHeads() * n * keys;
        }
        return (long) Math.min(MOST, Float.BYTES * floats);
    }
}
