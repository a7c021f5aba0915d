package org.llminspector.engine.torch;

import static org.llminspector.hook.HookPoint.*;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.index.NDIndex;
import ai.djl.ndarray.types.Shape;
import org.llminspector.engine.torch.TorchWeights.Compressed;
import org.llminspector.engine.torch.TorchWeights.NormWeights;
import org.llminspector.spec.Attention;
import org.llminspector.spec.Latent;
import org.llminspector.spec.Norm;

/** Queries, keys and values of latent attention (MLA), operation by operation: {@link Latent}. */
final class LatentAttention {

    /** A norm without hooks inside. */
    interface Normed {
        NDArray of(NDArray x, Norm norm, NormWeights weights);
    }

    private final Normed normed;

    LatentAttention(Normed normed) {
        this.normed = normed;
    }

    /**
     * From the layer's normed input [1, pos, d_model].
     *
     * @return rotated queries of these positions, [1, pos, head, d_head]; keys of all so far, [1, head, key, d_head];
     *     their values, [1, head, key, d_value]
     */
    NDArray[] apply(int i, Attention a, Compressed w, NDArray x, Positions.Pass pass, KvCache cache, Tap tap) {
        Latent l = a.latent();
        int n = pass.count();
        int rotaryDims = a.rope().rotaryDims();
        NDArray[] down = w.down().apply(x);
        NDArray q = down[0];
        if (l.dQuery() != null) q = w.q().apply(tap.at(Q_LATENT, i, normed.of(q, l.norm(), w.qNorm())));
        q = tap.at(Q, i, q.reshape(1, n, a.nHeads(), a.dHead()));
        q = tap.at(ROT_Q, i, pass.rotate(q, a.rope()));
        NDArray latent = tap.at(KV_LATENT, i, normed.of(down[1], l.norm(), w.kvNorm())); // [1, pos, d_latent]
        NDArray shared = down[2].reshape(1, n, 1, rotaryDims);
        if (cache.whole(i)) {
            NDArray[] own = own(a, w, latent);
            NDArray k = tap.at(K, i, keys(a, shared, own[0])); // [1, pos, head, d_head]
            NDArray v = tap.at(V, i, own[1]);
            k = tap.at(ROT_K, i, pass.rotate(k, a.rope()));
            return new NDArray[] {q, cache.keys(i, k.transpose(0, 2, 1, 3)), cache.values(i, v.transpose(0, 2, 1, 3))};
        }
        NDArray rotated = pass.rotate(shared, a.rope()).transpose(0, 2, 1, 3);
        rotated = cache.keys(i, rotated).transpose(0, 2, 1, 3); // [1, key, 1, turned]
        NDArray[] own = own(a, w, cache.values(i, latent.expandDims(1)).squeeze(1)); // [1, key, head, width] each
        NDArray k = keys(a, rotated, own[0]);
        if (tap.wants(K, i)) tap.at(K, i, keys(a, shared, last(own[0], n)));
        if (tap.wants(V, i)) tap.at(V, i, last(own[1], n));
        if (tap.wants(ROT_K, i)) tap.at(ROT_K, i, last(k, n));
        return new NDArray[] {q, k.transpose(0, 2, 1, 3), own[1].transpose(0, 2, 1, 3)};
    }

    /** The heads' unrotated key parts, and their values, from [1, key, d_latent]. */
    private static NDArray[] own(Attention a, Compressed w, NDArray latents) {
        long n = latents.getShape().get(1);
        NDArray[] up = w.up().apply(latents);
        return new NDArray[] {
            up[0].reshape(1, n, a.nHeads(), (long) a.dHead() - a.rope().rotaryDims()),
            up[1].reshape(1, n, a.nHeads(), a.dValue())
        };
    }

    /** Full keys: the shared rotary part, then the head's own part. */
    private static NDArray keys(Attention a, NDArray shared, NDArray own) {
        Shape s = shared.getShape();
        return Decoder.concat(shared.broadcast(new Shape(1, s.get(1), a.nHeads(), s.get(3))), own);
    }

    private static NDArray last(NDArray x, int n) {
        long all = x.getShape().get(1);
        return x.get(new NDIndex().addAllDim().addSliceDim(all - n, all));
    }
}
