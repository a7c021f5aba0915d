package org.llminspector.analysis;

import java.util.ArrayList;
import java.util.List;
import org.llminspector.engine.EngineKind;
import org.llminspector.engine.Part;
import org.llminspector.engine.cache.KvCacheReport;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.cache.KvShape;
import org.llminspector.engine.cache.LayerState;
import org.llminspector.engine.layer.Modules;
import org.llminspector.spec.Activation;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.DecoderSpec.AltUp;
import org.llminspector.spec.DecoderSpec.LayerInputs;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.Recurrent;
import org.llminspector.spec.ShortConv;

/**
 * FLOPs, weight bytes and cache bytes of one part of a pass of {@code tokens} positions after {@code past} cached ones,
 * computed from the spec alone.
 *
 * <p>FLOPs are those of the matrix products, a multiplication and an addition each; norms, rotations, the softmax and
 * the activation are not counted, as in Kaplan et al. 2020 and Hoffmann et al. 2022. With d = d_model, H = n_heads,
 * G = n_kv_heads, h = d_head, m = d_mlp, n = tokens and P = the pairs of a query and an unmasked key (n tokens after p,
 * no window: n p + n (n + 1) / 2):
 *
 * <pre>
 *   attn.qkv      2 n d (H + 2 G) h        mlp.in   2 n d m, twice that with a gate
 *   attn.scores   2 P H h                  mlp.out  2 n m d
 *   attn.z        2 P H h                  unembed  2 vocab d: for the last position only
 *   attn.o        2 n H h d
 * </pre>
 *
 * <p>With latent attention of c dimensions, attn.qkv computes the latent vector and keys and values from it; a pass of
 * a single token uses the cached latent vectors directly: 2 P H (c + the shared key's dimensions) in attn.scores,
 * 2 P H c in attn.z.
 *
 * <p>A short convolution of width w has conv.in with 2 n d 3 d, conv.conv with 2 n w d, and conv.out with 2 n d d,
 * instead of attention's parts.
 *
 * <p>A recurrence has ssm.in with its projections, ssm.steps with its convolution and 5 FLOPs for each number of its
 * state (7 in a delta net), and ssm.out, instead of attention's parts.
 *
 * <p>In a mixture of experts m counts the neurons of a token's routed experts and of the shared one; mlp.in includes
 * the router.
 *
 * <p>Bytes are the minimum memory traffic: every weight once per pass (of the embedding one row per token, of a mixture
 * the experts of one token), the cached keys and values read, the new ones written; activations are not counted.
 *
 * @param layer null outside the blocks
 * @param parameters of this part; a tied unembedding has none
 * @param weights number of weights read in a pass
 * @param weightBytes bytes of them, in the requested precision
 * @param cacheReadBytes bytes of cached keys or values that are read; for conv.conv, of its cached last positions
 * @param cacheWriteBytes bytes of the new keys and values; for conv.conv, of the positions that it caches
 */
public record PartCost(
        Part part,
        Integer layer,
        long parameters,
        long flops,
        long weights,
        long weightBytes,
        long cacheReadBytes,
        long cacheWriteBytes) {

    /** Vectors (norms, biases) are float32 in every precision. */
    private static final int VECTOR = Float.BYTES;

    /** Every part of a pass, in the order in which data flows. */
    public static List<PartCost> of(
            DecoderSpec spec, KvFormats kv, EngineKind.WeightBytes bytes, long past, long tokens) {
        return new Writer(spec, kv, bytes, past, tokens).all();
    }

    private static final class Writer {
        private final DecoderSpec spec;
        private final KvFormats kv;
        private final EngineKind.WeightBytes bytes;
        private final long past;
        private final long tokens;
        private final List<PartCost> parts = new ArrayList<>();

        Writer(DecoderSpec spec, KvFormats kv, EngineKind.WeightBytes bytes, long past, long tokens) {
            this.spec = spec;
            this.kv = kv;
            this.bytes = bytes;
            this.past = past;
            this.tokens = tokens;
        }

        List<PartCost> all() {
            long d = spec.dModel();
            long wide = spec.tableWidth();
            long table = spec.vocab() * wide;
            long projection = spec.dEmbed() == null ? 0 : wide * d; // float32, on either side
            long positions = spec.learnedPositions() ? spec.maxContext() * d : 0;
            long read = tokens * (wide + (spec.learnedPositions() ? d : 0));
            long forms = spec.altUp() == null ? 0 : (spec.altUp().forms() - 1) * d * d; // on either side
            LayerInputs p = spec.layerInputs();
            long inputs = p == null ? 0 : (long) spec.nLayers() * p.width();
            long products = projection + forms + inputs * d;
            long vectors = numbers(spec.embedNorm(), d) + (p == null ? 0 : numbers(p.norm(), p.width()));
            long embedding = table + positions + vectors + products + (p == null ? 0 : p.vocab() * inputs);
            parts.add(new PartCost(
                    Part.EMBED,
                    null,
                    embedding,
                    2 * tokens * products,
                    read + tokens * inputs + vectors + products,
                    size("embed", wide, read + tokens * inputs) + (vectors + products) * VECTOR,
                    0,
                    0));
            for (int i = 0; i < spec.nLayers(); i++) block(i, spec.layers().get(i));
            norm(Part.LN_FINAL, null, spec.finalNorm(), d);
            long own = (spec.tied() ? 0 : table) + (spec.unembedBias() ? spec.vocab() : 0) + projection + forms;
            parts.add(new PartCost(
                    Part.UNEMBED,
                    null,
                    own,
                    2 * (table + projection + forms),
                    table + projection + forms,
                    size("unembed", wide, table) + (projection + forms) * VECTOR,
                    0,
                    0));
            return parts;
        }

        private void block(int i, LayerSpec layer) {
            long d = spec.dModel();
            String b = "blocks." + i + ".";
            if (spec.altUp() != null) altUp(i, spec.altUp());
            norm(Part.LN1, i, layer.ln1(), d);
            if (layer.mixer() instanceof ShortConv c) convolution(i, layer, c, b + "conv.");
            if (layer.attends()) attention(i, layer, layer.attention(), b);
            if (layer.recurrence() != null) recurrence(i, layer, layer.recurrence(), b + "ssm.");
            if (layer.ln1Post() != null) norm(Part.LN1_POST, i, layer.ln1Post(), d);
            if (layer.laurel() != null) {
                long rank = layer.laurel().rank();
                products(Part.LAUREL, i, d, 0, new String[] {b + "laurel.left"}, rank);
                products(Part.LAUREL, i, rank, numbers(layer.laurel().norm(), d), new String[] {b + "laurel.right"}, d);
            }
            boolean both = layer.mixer() != null && layer.feedsForward();
            if (both && !layer.parallel()) plain(Part.RESID_MID, i);
            norm(Part.LN2, i, layer.ln2(), d);
            if (layer.feedsForward()) mlp(i, layer.mlp(), b + "mlp.");
            if (layer.ln2Post() != null) norm(Part.LN2_POST, i, layer.ln2Post(), d);
            if (spec.layerInputs() != null) {
                long width = spec.layerInputs().width();
                products(Part.PLE, i, d, 0, new String[] {b + "ple.gate"}, width);
                products(Part.PLE, i, width, numbers(spec.layerInputs().norm(), d), new String[] {b + "ple.out"}, d);
            }
            long scale = layer.scaled() ? 1 : 0;
            parts.add(new PartCost(Part.RESID_POST, i, scale, 0, scale, scale * VECTOR, 0, 0));
        }

        /** The router, which reads the stream twice, and the matrices of predictions and corrections, in float32. */
        private void altUp(int i, AltUp a) {
            long d = spec.dModel();
            long f = a.forms();
            long numbers = f * d + f * f * f + f * f;
            long flops = 2 * tokens * (2 * f * d + f * f * f + f * f + f * f * d);
            long all = numbers + numbers(a.norm(), d) + (a.scaled() ? d : 0);
            parts.add(new PartCost(Part.ALTUP, i, all, flops, all, all * VECTOR, 0, 0));
        }

        private void convolution(int i, LayerSpec layer, ShortConv c, String name) {
            long d = spec.dModel();
            String[] in = {name + "b", name + "c", name + "x"};
            products(Part.CONV_IN, i, d, c.bias() ? 3 * d : 0, in, d, d, d);
            long kernel = c.width() * d;
            long numbers = kernel + (c.bias() ? d : 0);
            long kept = LayerState.of(spec, layer).bytes();
            parts.add(new PartCost(Part.CONV, i, numbers, 2 * tokens * kernel, numbers, numbers * VECTOR, kept, kept));
            products(Part.CONV_OUT, i, d, c.bias() ? d : 0, new String[] {name + "out"}, d);
        }

        private void recurrence(int i, LayerSpec layer, Recurrent r, String name) {
            long d = spec.dModel();
            long numbers = 0;
            long size = 0;
            for (RecurrenceCost.Matrix m : RecurrenceCost.matrices(r, d)) {
                numbers += m.in() * m.out();
                size += size(name + m.name(), m.in(), m.in() * m.out());
            }
            parts.add(new PartCost(Part.SSM_IN, i, numbers, 2 * tokens * numbers, numbers, size, 0, 0));
            long vectors = RecurrenceCost.vectors(r, d);
            long flops = tokens * RecurrenceCost.flops(r);
            long kept = LayerState.of(spec, layer).bytes();
            parts.add(new PartCost(Part.SSM, i, vectors, flops, vectors, vectors * VECTOR, kept, kept));
            long width = (long) r.nHeads() * r.dHead();
            products(Part.SSM_OUT, i, width, RecurrenceCost.outBias(r, d), new String[] {name + "out"}, d);
        }

        private void attention(int i, LayerSpec layer, Attention a, String b) {
            long d = spec.dModel();
            long q = (long) a.nHeads() * a.dHead();
            long kv1 = (long) a.nKvHeads() * a.dHead();
            long values = (long) a.nKvHeads() * a.dValue();
            boolean all = a.qkNormWide() || a.qkNormByHead();
            boolean own = a.keysFrom() == null; // else another layer's keys and values
            long qkNorms = numbers(a.qNorm(), all ? q : a.dHead())
                    + (own ? numbers(a.kNorm(), all ? kv1 : a.dHead()) + numbers(a.vNorm(), a.dValue()) : 0);
            List<Long> outs = !own ? List.of(q) : a.valuesAreKeys() ? List.of(q, kv1) : List.of(q, kv1, values);
            long[] widths = outs.stream().mapToLong(Long::longValue).toArray();
            if (a.latent() != null) latent(i, a, b + "attn.");
            else
                products(
                        Part.QKV,
                        i,
                        d,
                        (a.qkvBias() ? outs.stream().mapToLong(Long::longValue).sum() : 0) + qkNorms,
                        Modules.qkv(b + "attn.", a).toArray(String[]::new),
                        widths);
            if (a.gated()) products(Part.QKV, i, d, 0, new String[] {b + "attn.gate"}, (long) a.nHeads() * a.dValue());
            if (a.rope() != null) plain(Part.ROPE, i);
            long pairs = 2 * a.reach().pairs(past, tokens) * a.nHeads();
            boolean toLatents = a.latent() != null && tokens == 1;
            long scored = toLatents ? a.latent().dShared() + (long) a.latent().dLatent() : a.dHead();
            long summed = toLatents ? a.latent().dLatent() : a.dValue();
            long keys = past + tokens - a.reach().first(Math.toIntExact(past));
            KvShape kept = KvShape.of(own ? layer : spec.layers().get(a.keysFrom()));
            long written = tokens * KvCacheReport.row(layer, kv);
            long keyBytes = keys * kept.heads() * kv.key().bytes(kept.key());
            long valueBytes = keys * kept.heads() * kv.value().bytes(kept.value());
            parts.add(new PartCost(Part.SCORES, i, 0, pairs * scored, 0, 0, keyBytes, written));
            long sinks = a.sinks() ? a.nHeads() : 0;
            parts.add(new PartCost(Part.PATTERN, i, sinks, 0, sinks, sinks * VECTOR, 0, 0));
            parts.add(new PartCost(Part.Z, i, 0, pairs * summed, 0, 0, valueBytes, 0));
            products(Part.O, i, (long) a.nHeads() * a.dValue(), a.outBias() ? d : 0, new String[] {b + "attn.o"}, d);
        }

        /** Latent attention: the latent vectors, and keys and values computed from them. */
        private void latent(int i, Attention a, String name) {
            Latent l = a.latent();
            long d = spec.dModel();
            long shared = l.dShared();
            long queries = (long) a.nHeads() * a.dHead();
            long keys = a.nHeads() * (a.dHead() - shared);
            long values = (long) a.nHeads() * a.dValue();
            long vectors = l.dLatent() + (a.qkvBias() ? l.dLatent() + shared : 0);
            long numbers = d * (l.dLatent() + shared) + l.dLatent() * (keys + values);
            long size = size(name + "kv_down", d, d * l.dLatent())
                    + size(name + "k_rope", d, d * shared)
                    + size(name + "k", l.dLatent(), l.dLatent() * keys)
                    + size(name + "v", l.dLatent(), l.dLatent() * values);
            if (l.dQuery() == null) {
                numbers += d * queries;
                size += size(name + "q", d, d * queries);
            } else {
                long down = l.dQuery();
                vectors += down + (a.qkvBias() ? down : 0);
                numbers += down * (d + queries);
                size += size(name + "q_down", d, d * down) + size(name + "q", down, down * queries);
            }
            long all = numbers + vectors;
            parts.add(new PartCost(Part.QKV, i, all, 2 * tokens * numbers, all, size + vectors * VECTOR, 0, 0));
        }

        private void mlp(int i, Mlp mlp, String name) {
            long d = spec.dModel();
            long m = mlp.dMlp();
            if (mlp.experts() != null) {
                mixture(i, mlp, name);
                return;
            }
            if (mlp.gated()) {
                products(Part.MLP_IN, i, d, mlp.bias() ? 2 * m : 0, new String[] {name + "gate", name + "in"}, m, m);
            } else {
                products(Part.MLP_IN, i, d, mlp.bias() ? m : 0, new String[] {name + "in"}, m);
            }
            long learned = mlp.activation() == Activation.XIELU ? 4 : 0;
            parts.add(new PartCost(Part.MLP_ACT, i, learned, 0, learned, learned * VECTOR, 0, 0));
            products(Part.MLP_OUT, i, m, mlp.bias() ? d : 0, new String[] {name + "out"}, d);
        }

        /**
         * Mixture of experts: router, a token's routed experts and the shared one; these are the least that is read.
         */
        private void mixture(int i, Mlp mlp, String name) {
            Experts e = mlp.experts();
            long d = spec.dModel();
            long ins = mlp.gated() ? 2 : 1;
            long expert = mlp.dMlp() * d;
            long shared = e.dShared() == null ? 0 : e.dShared() * d;
            boolean biased = e.routing() != null && e.routing().choiceBias();
            long router = e.count() * d + (biased ? e.count() : 0);
            long read = e.active() * expert + shared;
            double in = ins
                    * (e.active() * size(name + "experts.0.in", d, expert)
                            + size(name + "shared_expert.in", d, shared));
            double out = e.active() * (double) size(name + "experts.0.out", mlp.dMlp(), expert)
                    + size(name + "shared_expert.out", Math.max(1, shared / d), shared);
            // Norms and scales of experts parallel to a dense MLP.
            long gate = (e.sharedGate() ? d : 0) + (e.parallelNorm() == null ? 0 : 4 * d + e.count());
            long all = e.count() * expert + shared;
            long inBias = mlp.bias() ? ins * mlp.dMlp() : 0;
            long outBias = mlp.bias() ? d : 0;
            long routerBias = mlp.bias() ? e.count() : 0;
            long inVectors = e.active() * inBias + routerBias;
            parts.add(new PartCost(
                    Part.MLP_IN,
                    i,
                    ins * all + router + e.count() * inBias + routerBias,
                    2 * tokens * (ins * read + router),
                    ins * read + router + inVectors,
                    Math.round(in) + (router + inVectors) * VECTOR,
                    0,
                    0));
            plain(Part.MLP_ACT, i);
            parts.add(new PartCost(
                    Part.MLP_OUT,
                    i,
                    all + gate + e.count() * outBias,
                    2 * tokens * (read + gate),
                    read + gate + e.active() * outBias,
                    Math.round(out) + (gate + e.active() * outBias) * VECTOR,
                    0,
                    0));
        }

        /** Several matrices [out, in] with a common input, and their vectors. */
        private void products(Part part, int layer, long in, long vectors, String[] modules, long... outs) {
            long numbers = 0;
            long size = vectors * VECTOR;
            for (int m = 0; m < outs.length; m++) {
                numbers += outs[m] * in;
                size += size(modules[m], in, outs[m] * in);
            }
            parts.add(
                    new PartCost(part, layer, numbers + vectors, 2 * tokens * numbers, numbers + vectors, size, 0, 0));
        }

        private long size(String module, long in, long numbers) {
            return Math.round(numbers * bytes.of(module, in));
        }

        private void norm(Part part, Integer layer, Norm norm, long width) {
            if (norm == null) return;
            long n = numbers(norm, width);
            parts.add(new PartCost(part, layer, n, 0, n, n * VECTOR, 0, 0));
        }

        /** Number of a norm's parameters. */
        private static long numbers(Norm norm, long width) {
            if (norm == null) return 0;
            return (norm.weight() ? width : 0) + (norm.bias() ? width : 0);
        }

        private void plain(Part part, int layer) {
            parts.add(new PartCost(part, layer, 0, 0, 0, 0, 0, 0));
        }
    }
}
