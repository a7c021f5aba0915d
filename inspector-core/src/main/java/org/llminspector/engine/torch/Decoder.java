package org.llminspector.engine.torch;

import static org.llminspector.hook.HookPoint.*;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import org.llminspector.engine.Part;
import org.llminspector.engine.cache.KvFormats;
import org.llminspector.engine.torch.TorchWeights.Block;
import org.llminspector.engine.torch.TorchWeights.NormWeights;
import org.llminspector.engine.torch.TorchWeights.Xielu;
import org.llminspector.engine.torch.libtorch.Scalars;
import org.llminspector.hook.HookPoint;
import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;
import org.llminspector.spec.Norm;
import org.llminspector.spec.ShortConv;

/**
 * Forward pass of every model family, as its {@link DecoderSpec} describes; each hooked value passes the {@link Tap}.
 * Runs on the engine thread.
 */
public final class Decoder {

    private static final int[] LAST = {-1};

    private final DecoderSpec spec;
    private final TorchWeights weights;
    private final Positions positions;
    private final Scalars scalars;
    private final KvFormats kvFormats; // of the cache that its fused form uses
    private final Mixture mixture;
    private final LatentAttention latents;
    private final FusedLayers fused; // null where only the hooked form is used

    public Decoder(DecoderSpec spec, TorchWeights weights, NDManager manager, KvFormats kvFormats) {
        this(spec, weights, manager, kvFormats, new FusedLayers(spec, weights, manager, kvFormats));
    }

    private Decoder(DecoderSpec spec, TorchWeights weights, NDManager manager, KvFormats kvFormats, FusedLayers fused) {
        this.spec = spec;
        this.weights = weights;
        this.positions = new Positions(manager);
        this.scalars = new Scalars(manager);
        this.kvFormats = kvFormats;
        this.mixture = new Mixture(weights.experts, this::activate, this::linear);
        this.latents = new LatentAttention(this::plainNorm);
        this.fused = fused;
    }

    /** A decoder with the hooked form only: nothing is compiled. */
    static Decoder hooked(DecoderSpec spec, TorchWeights weights, NDManager manager) {
        return new Decoder(spec, weights, manager, KvFormats.FP32, null);
    }

    KvFormats kvFormats() {
        return kvFormats;
    }

    /**
     * Runs token ids [1, pos] after those in the cache, in the fused form when no value inside a layer is hooked.
     *
     * @return logits [1, pos, vocab]; [1, 1, vocab], of the last position, when the tap does not want the others; null
     *     when the tap ends the pass early
     */
    NDArray forward(NDArray ids, KvCache cache, Tap tap) {
        int start = cache.length();
        int count = (int) ids.getShape().get(1);
        NDArray x = embed(ids, start, count, tap); // [1, pos, d_model]
        boolean inside = tap.seesInside();
        try (Positions.Pass pass = positions.pass(start, count)) {
            for (int i = 0; i < spec.nLayers(); i++) {
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    x = inside ? block(i, x, pass, cache, tap) : fused(i, x, pass, cache, tap);
                    NDScope.unregister(x);
                }
                NDScope.register(x);
                if (tap.enough(i)) return null;
            }
        }
        cache.advance(count);
        boolean all = tap.wants(LN_FINAL_SCALE, -1)
                || tap.wants(LN_FINAL_NORMALIZED, -1)
                || tap.wants(LN_FINAL_OUT, -1)
                || tap.wants(LOGITS, -1);
        if (!all && count > 1) x = x.get(new NDIndex().addAllDim().addSliceDim(count - 1L, count));
        return unembed(x, tap);
    }

    private NDArray embed(NDArray ids, int start, int count, Tap tap) {
        NDArray x = ids.getNDArrayInternal()
                .embedding(ids, weights.embed, SparseFormat.DENSE)
                .head()
                .toType(DataType.FLOAT32, false); // [1, pos, d_model]
        if (spec.dEmbed() != null) x = weights.projectIn.apply(x); // [1, pos, d_embed] before
        x = plainNorm(times(spec.embedScale(), x), spec.embedNorm(), weights.lnEmbed);
        x = tap.at(EMBED, -1, x);
        if (!spec.learnedPositions()) return x;
        NDArray p = weights.posEmbed.get(new NDIndex().addSliceDim(start, start + (long) count));
        return x.add(tap.at(POS_EMBED, -1, p.expandDims(0)));
    }

    /** From a residual stream [1, pos, d_model] to logits [1, pos, vocab]. */
    NDArray unembed(NDArray x, Tap tap) {
        NDArray h = norm(x, spec.finalNorm(), weights.lnFinal, LN_FINAL_SCALE, LN_FINAL_NORMALIZED, -1, tap);
        h = tap.at(LN_FINAL_OUT, -1, h);
        if (spec.dEmbed() != null) h = weights.projectOut.apply(h); // [1, pos, d_embed]
        NDArray logits = weights.unembed.apply(h); // [1, pos, vocab]; with its bias where there is one
        return tap.at(LOGITS, -1, softcap(times(spec.logitScale(), logits), spec.logitSoftcap()));
    }

    /** A layer in one TorchScript call; in a mixture only the attention, since the experts depend on the routing. */
    private NDArray fused(int i, NDArray x, Positions.Pass pass, KvCache cache, Tap tap) {
        LayerSpec layer = spec.layers().get(i);
        NDArray pre = tap.at(RESID_PRE, i, x);
        NDArray post = fused.apply(i, pre, pass, cache);
        if (layer.mlp().experts() != null) {
            NDArray mid = layer.parallel() ? pre : post;
            NDArray read = readByMlp(i, layer, weights.blocks.get(i), mid, Tap.NONE);
            if (layer.streamNorms()) post = read;
            post = post.add(feedForward(i, layer, weights.blocks.get(i), read, Tap.NONE));
        }
        return tap.at(RESID_POST, i, post);
    }

    private NDArray block(int i, NDArray x, Positions.Pass pass, KvCache cache, Tap tap) {
        LayerSpec layer = spec.layers().get(i);
        Block w = weights.blocks.get(i);
        NDArray pre = tap.at(RESID_PRE, i, x); // [1, pos, d_model]
        NDArray a = norm(pre, layer.ln1(), w.ln1(), LN1_SCALE, LN1_NORMALIZED, i, tap);
        tap.ends(Part.LN1, i);
        NDArray stream = layer.streamNorms() ? a : pre;
        a = layer.mixer() instanceof ShortConv conv
                ? GatedConvolution.apply(i, conv, w.conv(), a, cache, tap)
                : attention(i, layer.attention(), w, a, pass, cache, tap);
        tap.ends(layer.attends() ? Part.O : Part.CONV_OUT, i);
        if (layer.ln1Post() != null) a = tap.at(LN1_POST_OUT, i, plainNorm(a, layer.ln1Post(), w.ln1Post()));
        a = tap.at(HookPoint.mixed(layer), i, times(layer.residualScale(), a));
        NDArray mid = layer.parallel() ? stream : tap.at(RESID_MID, i, stream.add(a));
        NDArray read = readByMlp(i, layer, w, mid, tap);
        NDArray m = feedForward(i, layer, w, read, tap);
        NDArray post = layer.parallel() ? m.add(a).add(stream) : (layer.streamNorms() ? read : mid).add(m);
        return tap.at(RESID_POST, i, post);
    }

    private NDArray readByMlp(int i, LayerSpec layer, Block w, NDArray x, Tap tap) {
        NDArray read = norm(x, layer.ln2(), w.ln2(), LN2_SCALE, LN2_NORMALIZED, i, tap);
        tap.ends(Part.LN2, i);
        return read;
    }

    /** The block's MLP half: from its normed input to what it adds to the stream, [1, pos, d_model] to the same. */
    private NDArray feedForward(int i, LayerSpec layer, Block w, NDArray read, Tap tap) {
        NDArray m = mlp(i, layer.mlp(), w, read, tap);
        tap.ends(Part.MLP_OUT, i);
        if (layer.ln2Post() != null) m = tap.at(LN2_POST_OUT, i, plainNorm(m, layer.ln2Post(), w.ln2Post()));
        return tap.at(MLP_OUT, i, times(layer.residualScale(), m));
    }

    private NDArray attention(int i, Attention a, Block w, NDArray x, Positions.Pass pass, KvCache cache, Tap tap) {
        int n = pass.count();
        int group = a.nHeads() / a.nKvHeads();
        NDArray[] qkv = a.latent() == null
                ? projections(i, a, w, x, pass, cache, tap)
                : latents.apply(i, a, w.compressed(), x, pass, cache, tap);
        NDArray q = qkv[0]; // [1, pos, head, d_head]
        NDArray keys = qkv[1]; // [1, kv_head, key, d_head]
        NDArray values = qkv[2]; // [1, kv_head, key, d_value]
        long all = keys.getShape().get(2);
        // Query heads that share a key head are folded into the position axis.
        NDArray grouped = q.transpose(0, 2, 1, 3).reshape(1, a.nKvHeads(), (long) group * n, a.dHead());
        NDArray scores =
                grouped.matMul(keys.transpose(0, 1, 3, 2)).mul(scalars.of(a.scale())); // [1, kv_head, group * pos, key]
        scores = softcap(scores.reshape(1, a.nHeads(), n, all), a.scoreSoftcap()); // [1, head, query, key]
        NDArray mask = pass.mask(a);
        scores = tap.at(ATTN_SCORES, i, mask == null ? scores : scores.add(mask));
        NDArray pattern = tap.at(PATTERN, i, softmax(scores, a.sinks() ? w.sinks() : null)); // [1, head, query, key]
        NDArray z = pattern.reshape(1, a.nKvHeads(), (long) group * n, all).matMul(values);
        z = tap.at(Z, i, z.reshape(1, a.nHeads(), n, a.dValue()).transpose(0, 2, 1, 3)); // [1, pos, head, d_value]
        if (tap.wants(RESULT, i)) {
            NDArray result = tap.at(RESULT, i, headResults(z, w.o(), a)); // [1, pos, head, d_model]
            if (tap.changes(RESULT, i)) {
                NDArray sum = result.sum(new int[] {2});
                return w.o().bias() == null ? sum : sum.add(w.o().bias());
            }
        }
        return w.o().apply(z.reshape(1, n, (long) a.nHeads() * a.dValue())); // [1, pos, d_model]
    }

    /**
     * Rotated queries of these positions, [1, pos, head, d_head]; keys and values of all so far, [1, kv_head, key,
     * width].
     */
    private NDArray[] projections(int i, Attention a, Block w, NDArray x, Positions.Pass pass, KvCache cache, Tap tap) {
        NDArray[] qkv = w.qkv().apply(x);
        for (int p = 0; p < qkv.length; p++) qkv[p] = a.clip() == null ? qkv[p] : qkv[p].clip(-a.clip(), a.clip());
        NDArray q = heads(qkv[0], a.nHeads(), a, a.qNorm(), w.qNorm(), tap, Q, i); // [1, pos, head, d_head]
        NDArray k = heads(qkv[1], a.nKvHeads(), a, a.kNorm(), w.kNorm(), tap, K, i);
        NDArray v = heads(qkv[2], a.nKvHeads(), a, null, null, tap, V, i);
        if (a.rope() != null) {
            q = tap.at(ROT_Q, i, pass.rotate(q, a.rope()));
            k = tap.at(ROT_K, i, pass.rotate(k, a.rope()));
        }
        return new NDArray[] {q, cache.keys(i, k.transpose(0, 2, 1, 3)), cache.values(i, v.transpose(0, 2, 1, 3))};
    }

    /** Softmax over keys and one learned sink logit per head (gpt-oss); the sink's column is dropped. */
    private static NDArray softmax(NDArray scores, NDArray sinks) {
        if (sinks == null) return scores.softmax(-1);
        Shape one = scores.getShape(); // [1, head, query, key]
        NDArray sink = sinks.reshape(1, one.get(1), 1, 1).broadcast(1, one.get(1), one.get(2), 1);
        return concat(scores, sink).softmax(-1).get(new NDIndex("...").addSliceDim(0, one.get(3)));
    }

    private NDArray heads(
            NDArray x, int n, Attention a, Norm norm, NDArray weight, Tap tap, HookPoint point, int layer) {
        boolean wide = norm != null && a.qkNormWide();
        if (wide) x = plainNorm(x, norm, new NormWeights(weight, null));
        NDArray h = x.reshape(1, x.getShape().get(1), n, a.dHead());
        if (norm != null && !wide) h = plainNorm(h, norm, new NormWeights(weight, null));
        return tap.at(point, layer, h);
    }

    private static NDArray headResults(NDArray z, Linear o, Attention a) {
        NDArray weight = o.weight().toType(DataType.FLOAT32, false); // [d_model, head * d_head]
        long dModel = weight.getShape().get(0);
        NDArray byHead = weight.reshape(dModel, a.nHeads(), a.dValue()).transpose(1, 2, 0); // [head, d_value, d_model]
        return z.transpose(0, 2, 1, 3).matMul(byHead.expandDims(0)).transpose(0, 2, 1, 3);
    }

    private NDArray mlp(int i, Mlp mlp, Block w, NDArray x, Tap tap) {
        if (mlp.experts() != null) return mixture.apply(i, mlp, w.mixed(), x, tap);
        NDArray[] in = w.in().apply(x); // [1, pos, d_mlp] each
        NDArray pre = tap.at(MLP_PRE, i, in[0]);
        NDArray neurons = w.xielu() == null ? activate(mlp, pre) : xielu(w.xielu(), pre);
        if (mlp.gated()) neurons = neurons.mul(linear(mlp, tap.at(MLP_PRE_LINEAR, i, in[1])));
        return w.out().apply(tap.at(MLP_POST, i, neurons)); // [1, pos, d_model]
    }

    /** The linear branch that multiplies the gate's activations: with a limit, clipped and plus 1 (gpt-oss). */
    private NDArray linear(Mlp mlp, NDArray x) {
        return mlp.limit() == null ? x : x.clip(-mlp.limit(), mlp.limit()).add(scalars.of(1));
    }

    private NDArray activate(Mlp mlp, NDArray in) {
        NDArray x = mlp.limit() == null ? in : in.minimum(scalars.of(mlp.limit()));
        return switch (mlp.activation()) {
            case RELU -> Activation.relu(x);
            case RELU_SQUARED -> Activation.relu(x).square();
            case GELU -> Activation.gelu(x);
            case SILU -> x.div(x.neg().exp().add(scalars.of(1)));
            case GELU_QUICK -> x.div(x.mul(scalars.of(-1.702)).exp().add(scalars.of(1)));
            case GELU_TANH ->
                x.pow(scalars.of(3))
                        .mul(scalars.of(0.044715f))
                        .add(x)
                        .mul(scalars.of((float) Math.sqrt(2 / Math.PI)))
                        .tanh()
                        .add(scalars.of(1))
                        .mul(x.mul(scalars.of(0.5)));
            case XIELU -> throw new IllegalStateException("its numbers are weights: see xielu");
        };
    }

    private NDArray xielu(Xielu w, NDArray x) {
        NDArray below = Activation.elu(NDArrays.minimum(x, w.eps()), 1).sub(x);
        below = below.mul(w.alphaN().add(w.beta()));
        return NDArrays.where(x.gt(scalars.of(0)), x.square().mul(w.alphaP()), below)
                .add(x.mul(w.beta()));
    }

    private NDArray norm(
            NDArray x, Norm norm, NormWeights w, HookPoint scalePoint, HookPoint normalizedPoint, int layer, Tap tap) {
        if (norm == null) return x;
        NDArray centred = norm.kind() == Norm.Kind.LAYER ? x.sub(x.mean(LAST, true)) : x;
        NDArray scale =
                centred.square().mean(LAST, true).add(scalars.of(norm.eps())).sqrt(); // [1, pos, 1]
        NDArray normalized = tap.at(
                normalizedPoint,
                layer,
                centred.mul(tap.at(scalePoint, layer, scale).pow(scalars.of(-1))));
        if (w == null) return normalized;
        NDArray scaled = normalized.mul(w.weight());
        return w.bias() == null ? scaled : scaled.add(w.bias());
    }

    /** A norm without hooks inside (of q, k, and after attention and MLP). */
    private NDArray plainNorm(NDArray x, Norm norm, NormWeights w) {
        return norm(x, norm, w, LN1_SCALE, LN1_NORMALIZED, -1, Tap.NONE);
    }

    private NDArray times(Float factor, NDArray x) {
        return factor == null || factor == 1f ? x : x.mul(scalars.of(factor));
    }

    private NDArray softcap(NDArray x, Float cap) {
        return cap == null ? x : x.div(scalars.of(cap)).tanh().mul(scalars.of(cap));
    }

    static NDArray concat(NDArray a, NDArray b) {
        return NDArrays.concat(new NDList(a, b), -1);
    }
}
