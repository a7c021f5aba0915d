package org.llminspector.analysis;

import org.llminspector.spec.DeltaNet;
import org.llminspector.spec.Mamba;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.RgLru;

/**
 * Attention weights that a recurrence amounts to: what its query at t reads from the state is a weighted sum of the
 * values at the positions s up to t, {@code y_t = sum over s of A[t, s] x_s}.
 *
 * <p>The query is carried back from t to s through the decays, {@code A[t, s] = scale_s k_s . (decay_(s+1) ... decay_t
 * q_t)}, as in Mamba 2's {@code L * (C B^T)} (Dao and Gu 2024, arXiv:2405.21060, section 3) and for each channel of a Mamba
 * (Ali et al. 2024, arXiv:2403.01590). A delta net also takes from it what each later key overwrites: {@code u - beta
 * k (k . u)}, the transposed step of Yang et al. 2024 (arXiv:2406.06484). Weights may be negative, and a row need not
 * sum to 1.
 *
 * <p>A head that shares one decay and one key is one row of weights; in a Mamba and an RG-LRU, where every channel decays
 * by itself, each channel is one.
 */
public final class EffectiveAttention {

    private final Recurrent r;
    private final int n;
    private final float[] decay;
    private final float[] key;
    private final float[] query;
    private final float[] scale;
    private final int decays;
    private final boolean byChannel;

    /**
     * @param decay [pos, head, d_head or 1, d_state or 1]
     * @param key [pos, key_head, d_state], or null for 1 (RG-LRU)
     * @param query likewise
     * @param scale dt [pos, head, d_head or 1] or a delta net's beta [pos, head], or null for 1
     */
    public EffectiveAttention(Recurrent r, int positions, float[] decay, float[] key, float[] query, float[] scale) {
        this.r = r;
        this.n = positions;
        this.decay = decay;
        this.key = key;
        this.query = query;
        this.scale = scale;
        this.byChannel = byChannel(r);
        this.decays = decay.length / (n * heads(r));
    }

    /** Whether each channel has weights of its own. */
    public static boolean byChannel(Recurrent r) {
        return r instanceof Mamba || r instanceof RgLru;
    }

    /** Rows of weights: heads, or channels. */
    public static int heads(Recurrent r) {
        return byChannel(r) ? r.nHeads() * r.dHead() : r.nHeads();
    }

    /** Numbers held, for a cache's limit. */
    public long size() {
        long held = decay.length;
        for (float[] more : new float[][] {key, query, scale}) held += more == null ? 0 : more.length;
        return held;
    }

    /**
     * Weights of one head's query over all positions; 0 after its own.
     *
     * @return [key]
     */
    public double[] row(int head, int t) {
        double[] weights = new double[n];
        double[] u = query(head, t);
        for (int s = t; s >= 0; s--) {
            double answer = 0;
            int at = keyAt(head, s);
            for (int j = 0; j < u.length; j++) answer += u[j] * (key == null ? 1 : key[at + j]);
            double factor = scale == null ? 1 : scale[s * heads(r) + head];
            weights[s] = factor * answer;
            int rate = (s * heads(r) + head) * decays;
            for (int j = 0; j < u.length; j++) {
                if (r instanceof DeltaNet) u[j] -= weights[s] * key[at + j];
                u[j] *= decay[decays == 1 ? rate : rate + j];
            }
        }
        return weights;
    }

    /** Positions after which half of what was written is left: ln 0.5 / mean ln decay; infinite without decay. */
    public double halfLife(int head) {
        double sum = 0;
        for (int s = 0; s < n; s++) {
            int rate = (s * heads(r) + head) * decays;
            for (int j = 0; j < decays; j++) sum += Math.log(decay[rate + j]);
        }
        return Math.log(0.5) / (sum / ((double) n * decays));
    }

    private double[] query(int head, int t) {
        double[] u = new double[r.dState()];
        int at = keyAt(head, t);
        for (int j = 0; j < u.length; j++) u[j] = query == null ? 1 : query[at + j];
        return u;
    }

    /** Where the key of a head begins, which heads share. */
    private int keyAt(int head, int s) {
        if (key == null) return 0;
        int own = byChannel ? head / r.dHead() : head;
        return (s * r.nKeyHeads() + own / (r.nHeads() / r.nKeyHeads())) * r.dState();
    }
}
