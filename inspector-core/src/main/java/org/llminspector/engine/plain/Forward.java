package org.llminspector.engine.plain;

import static org.llminspector.hook.HookPoint.*;

import java.util.Arrays;
import org.llminspector.family.Weights;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Rope;
import org.llminspector.spec.RopeFrequencies;

/**
 * Forward pass of a Llama in float arrays and loops, from token ids to logits: what the engines compute, to be read.
 *
 * <p>Methods stand in the order of the computation, and letters are the papers': x the residual stream, y what a norm
 * makes of it; q, k, v queries, keys and values; s scores, p the pattern (their softmax), z what each head read; W a
 * matrix [out, in]. Indices: i and j count positions (i queries, j keys), h heads, c components of a vector.
 */
public final class Forward {

    /** Receiver of each named value, row-major in the order of {@link HookPoint#axes}. */
    @FunctionalInterface
    public interface Visitor {
        /** @param layer of the point, or -1 outside the layers */
        void at(HookPoint point, int layer, float[] values);
    }

    private final DecoderSpec spec;
    private final Weights weights;
    private final Visitor visitor;

    /** @throws org.llminspector.base.Problem for a model that is not of Llama's shape; it names the field */
    public Forward(Weights weights, Visitor visitor) {
        this.spec = LlamaSpec.check(weights.spec());
        this.weights = weights;
        this.visitor = visitor;
    }

    /** The logits [pos, vocab] of a prompt of token ids [pos]. */
    public float[][] logits(int[] tokens) {
        float[][] x = embed(tokens); // [pos, d_model]
        for (int l = 0; l < spec.nLayers(); l++) x = layer(l, x);
        return unembed(x); // [pos, vocab]
    }

    /** Embedding: each token's row of the table. */
    private float[][] embed(int[] tokens) {
        float[][] E = matrix("embed"); // [vocab, d_model]
        float[][] x = new float[tokens.length][]; // [pos, d_model]
        for (int i = 0; i < tokens.length; i++) {
            x[i] = E[tokens[i]].clone();
        }
        return see(EMBED, -1, x);
    }

    /** One layer: attention, then the MLP; each reads the normed residual stream, and adds to the stream. */
    private float[][] layer(int l, float[][] x) {
        LayerSpec layer = spec.layers().get(l);
        see(RESID_PRE, l, x); // [pos, d_model]
        float[][] y = rmsnorm(name(l, "ln1"), layer.ln1(), x, LN1_SCALE, LN1_NORMALIZED, l);
        x = see(RESID_MID, l, add(x, attention(l, layer.attention(), y)));
        y = rmsnorm(name(l, "ln2"), layer.ln2(), x, LN2_SCALE, LN2_NORMALIZED, l);
        return see(RESID_POST, l, add(x, mlp(l, y)));
    }

    /** Residual addition: what a sublayer computed, added to the stream that it read. */
    private static float[][] add(float[][] x, float[][] out) {
        float[][] sum = new float[x.length][x[0].length]; // [pos, d_model]
        for (int i = 0; i < x.length; i++) {
            for (int c = 0; c < x[i].length; c++) sum[i][c] = x[i][c] + out[i][c];
        }
        return sum;
    }

    /** RMSNorm (Zhang and Sennrich 2019): x over its root mean square, times a learned weight g. */
    private float[][] rmsnorm(
            String name, Norm norm, float[][] x, HookPoint scalePoint, HookPoint normalizedPoint, int l) {
        float[] g = vector(name); // [d_model]
        float[][] scale = new float[x.length][1]; // [pos, 1]
        float[][] normalized = new float[x.length][g.length]; // [pos, d_model]
        float[][] y = new float[x.length][g.length]; // [pos, d_model]
        for (int i = 0; i < x.length; i++) {
            scale[i][0] = (float) Math.sqrt(dot(x[i], x[i]) / g.length + norm.eps());
            for (int c = 0; c < g.length; c++) {
                normalized[i][c] = x[i][c] / scale[i][0];
                y[i][c] = normalized[i][c] * g[c];
            }
        }
        see(scalePoint, l, scale);
        see(normalizedPoint, l, normalized);
        return y;
    }

    /** Attention (Vaswani et al. 2017) with grouped queries (Ainslie et al. 2023). */
    private float[][] attention(int l, Attention a, float[][] y) {
        float[][] q = see(Q, l, linear(name(l, "attn.q"), y)); // [pos, head * d_head]
        float[][] k = see(K, l, linear(name(l, "attn.k"), y)); // [pos, kv_head * d_head]
        float[][] v = see(V, l, linear(name(l, "attn.v"), y)); // [pos, kv_head * d_head]
        q = see(ROT_Q, l, rotate(a, q)); // [pos, head * d_head]
        k = see(ROT_K, l, rotate(a, k)); // [pos, kv_head * d_head]
        float[][][] s = see(ATTN_SCORES, l, scores(a, q, k)); // [head, pos, pos]
        float[][][] p = see(PATTERN, l, softmax(s)); // [head, pos, pos]
        float[][] z = see(Z, l, weightedSum(a, p, v)); // [pos, head * d_head]
        return see(ATTN_OUT, l, output(l, a, z)); // [pos, d_model]
    }

    /** Linear map: each output is the dot product of a row of W and the input. */
    private float[][] linear(String name, float[][] y) {
        float[][] W = matrix(name); // [out, in]
        float[][] out = new float[y.length][W.length]; // [pos, out]
        for (int i = 0; i < y.length; i++) {
            for (int c = 0; c < W.length; c++) out[i][c] = dot(W[c], y[i]);
        }
        return out;
    }

    /** RoPE (Su et al. 2021): position i turns components c and c + d_head / 2 of every head by the angle i * f[c]. */
    private static float[][] rotate(Attention a, float[][] q) {
        Rope rope = a.rope();
        float[] f = RopeFrequencies.perPosition(rope, q.length); // [d_head / 2]
        float m = RopeFrequencies.attentionFactor(rope); // 1 without YaRN and LongRoPE
        float[][] r = new float[q.length][q[0].length]; // [pos, head * d_head]
        for (int i = 0; i < q.length; i++) {
            for (int at = 0; at < q[i].length; at += a.dHead()) { // a head's first component
                for (int c = at; c < at + f.length; c++) {
                    float cos = (float) Math.cos(i * f[c - at]) * m;
                    float sin = (float) Math.sin(i * f[c - at]) * m;
                    r[i][c] = q[i][c] * cos - q[i][c + f.length] * sin;
                    r[i][c + f.length] = q[i][c + f.length] * cos + q[i][c] * sin;
                }
            }
        }
        return r;
    }

    /** Scores: each query's dot product with the key of its own position and of those before; -inf with later ones. */
    private static float[][][] scores(Attention a, float[][] q, float[][] k) {
        float[][][] s = new float[a.nHeads()][q.length][q.length]; // [head, query, key]
        for (int h = 0; h < a.nHeads(); h++) {
            for (int i = 0; i < q.length; i++) {
                float[] qi = head(q[i], h, a); // [d_head]
                Arrays.fill(s[h][i], Float.NEGATIVE_INFINITY);
                for (int j = first(a, i); j <= i; j++) {
                    s[h][i][j] = dot(qi, head(k[j], kvHead(h, a), a)) * a.scale();
                }
            }
        }
        return s;
    }

    /** Softmax: each row of scores becomes weights that sum to 1. */
    private static float[][][] softmax(float[][][] s) {
        float[][][] p = new float[s.length][s[0].length][s[0].length]; // [head, query, key]
        for (int h = 0; h < s.length; h++) {
            for (int i = 0; i < s[h].length; i++) {
                float max = s[h][i][i];
                for (float score : s[h][i]) max = Math.max(max, score);
                double sum = 0;
                for (float score : s[h][i]) sum += Math.exp(score - max);
                for (int j = 0; j <= i; j++) p[h][i][j] = (float) (Math.exp(s[h][i][j] - max) / sum);
            }
        }
        return p;
    }

    /** Weighted sum of values: what each head reads at each position. */
    private static float[][] weightedSum(Attention a, float[][][] p, float[][] v) {
        float[][] z = new float[v.length][a.nHeads() * a.dHead()]; // [pos, head * d_head]
        for (int h = 0; h < a.nHeads(); h++) {
            for (int i = 0; i < v.length; i++) {
                for (int j = first(a, i); j <= i; j++) {
                    float[] vj = head(v[j], kvHead(h, a), a); // [d_head]
                    for (int c = 0; c < vj.length; c++) z[i][h * a.dHead() + c] += p[h][i][j] * vj[c];
                }
            }
        }
        return z;
    }

    /** Output projection: each head's result is its own columns of W times what it read; their sum is the output. */
    private float[][] output(int l, Attention a, float[][] z) {
        float[][] W = matrix(name(l, "attn.o")); // [d_model, head * d_head]
        float[][] result = new float[z.length][a.nHeads() * W.length]; // [pos, head * d_model]
        float[][] out = new float[z.length][W.length]; // [pos, d_model]
        for (int i = 0; i < z.length; i++) {
            for (int h = 0; h < a.nHeads(); h++) {
                float[] zh = head(z[i], h, a); // [d_head]
                for (int c = 0; c < W.length; c++) {
                    result[i][h * W.length + c] = dot(head(W[c], h, a), zh);
                    out[i][c] += result[i][h * W.length + c];
                }
            }
        }
        see(RESULT, l, result);
        return out;
    }

    /** MLP: SwiGLU (Shazeer 2020), the gate's neurons through SiLU, times a linear branch, back to the stream. */
    private float[][] mlp(int l, float[][] y) {
        float[][] gate = see(MLP_PRE, l, linear(name(l, "mlp.gate"), y)); // [pos, d_mlp]
        float[][] up = see(MLP_PRE_LINEAR, l, linear(name(l, "mlp.in"), y)); // [pos, d_mlp]
        float[][] n = new float[y.length][up[0].length]; // [pos, d_mlp]
        for (int i = 0; i < n.length; i++) {
            for (int c = 0; c < n[i].length; c++) n[i][c] = silu(gate[i][c]) * up[i][c];
        }
        see(MLP_POST, l, n);
        return see(MLP_OUT, l, linear(name(l, "mlp.out"), n)); // [pos, d_model]
    }

    /** SiLU: x times the logistic function of x. */
    private static float silu(float x) {
        return (float) (x / (1 + Math.exp(-x)));
    }

    /** Unembedding: the final norm, and each vocabulary entry's row of W with it; a tied W is the embedding table. */
    private float[][] unembed(float[][] x) {
        float[][] y = rmsnorm("ln_final", spec.finalNorm(), x, LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1);
        see(LN_FINAL_OUT, -1, y); // [pos, d_model]
        return see(LOGITS, -1, linear(spec.tied() ? "embed" : "unembed", y)); // [pos, vocab]
    }

    /** The first position that the query at position i attends to: 0, or that of the sliding window. */
    private static int first(Attention a, int i) {
        return a.window() == null ? 0 : Math.max(0, i - a.window() + 1);
    }

    /** The key and value head that query head h shares with its group. */
    private static int kvHead(int h, Attention a) {
        return h / (a.nHeads() / a.nKvHeads());
    }

    /** The components [d_head] of head h in a vector of all heads. */
    private static float[] head(float[] x, int h, Attention a) {
        return Arrays.copyOfRange(x, h * a.dHead(), (h + 1) * a.dHead());
    }

    private static float dot(float[] a, float[] b) {
        double sum = 0;
        for (int c = 0; c < a.length; c++) sum += (double) a[c] * b[c];
        return (float) sum;
    }

    private static String name(int l, String part) {
        return "blocks." + l + "." + part;
    }

    private float[] vector(String name) {
        return weights.get(name + ".weight").toFloats();
    }

    private float[][] matrix(String name) {
        return rows(vector(name), (int) weights.shape(name + ".weight")[0]);
    }

    private static float[][] rows(float[] flat, int rows) {
        float[][] matrix = new float[rows][];
        int width = flat.length / rows;
        for (int r = 0; r < rows; r++) matrix[r] = Arrays.copyOfRange(flat, r * width, (r + 1) * width);
        return matrix;
    }

    private float[][] see(HookPoint point, int layer, float[][] x) {
        visitor.at(point, layer, flat(x));
        return x;
    }

    private float[][][] see(HookPoint point, int layer, float[][][] x) {
        float[][] heads = new float[x.length][];
        for (int h = 0; h < x.length; h++) heads[h] = flat(x[h]);
        visitor.at(point, layer, flat(heads));
        return x;
    }

    private static float[] flat(float[][] rows) {
        float[] flat = new float[rows.length * rows[0].length];
        for (int r = 0; r < rows.length; r++) System.arraycopy(rows[r], 0, flat, r * rows[0].length, rows[0].length);
        return flat;
    }
}
