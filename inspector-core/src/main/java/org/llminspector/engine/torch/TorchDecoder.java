package org.llminspector.engine.torch;

import static org.llminspector.hook.HookPoint.*;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.NDScope;
import ai.djl.ndarray.index.NDIndex;
import org.llminspector.engine.layer.AltUpdates;
import org.llminspector.engine.layer.Block;
import org.llminspector.engine.layer.Embedding;
import org.llminspector.engine.layer.Tap;
import org.llminspector.engine.torch.libtorch.Scalars;
import org.llminspector.spec.DecoderSpec;

/**
 * Forward passes of a model on libtorch: each layer operation by operation, or in one TorchScript call. Runs on the
 * engine thread.
 */
final class TorchDecoder {

    private final DecoderSpec spec;
    private final TorchWeights weights;
    private final Positions positions;
    private final Scalars scalars;
    private final FusedLayers fused;

    /** @param fused the fused form; null where only the hooked form is used */
    TorchDecoder(DecoderSpec spec, TorchWeights weights, NDManager manager, FusedLayers fused) {
        this.spec = spec;
        this.weights = weights;
        this.positions = new Positions(manager);
        this.scalars = new Scalars(manager);
        this.fused = fused;
    }

    /**
     * Runs token ids [batch, pos] after those in the cache, which keeps one row at most, in the fused form when no value
     * inside a layer is hooked.
     *
     * @return logits [batch, pos, vocab]; [batch, 1, vocab], of the last position, when the tap does not want the others; null
     *     when the tap ends the pass early
     */
    NDArray forward(NDArray ids, KvCache cache, PassTap tap) {
        return forward(ids, cache, tap, 0);
    }

    /**
     * The same from a layer on.
     *
     * @param first the first layer that is computed; the tap replaces the residual stream that it reads
     */
    NDArray forward(NDArray ids, KvCache cache, PassTap tap, int first) {
        int count = (int) ids.getShape().get(1);
        boolean inside = tap.seesInside();
        try (Positions.Pass pass = positions.pass(cache.length(), count)) {
            ArrayOps ops = new ArrayOps(
                    spec, weights, scalars, pass, cache, ids.getShape().get(0));
            Embedding<NDArray> ends = new Embedding<>(spec, ops, tap);
            Block<NDArray> block = new Block<>(spec, ops, inside ? tap : Tap.none());
            Embedding.Embedded<NDArray> embedded = ends.embed(ids);
            NDArray x = embedded.stream(); // [batch, pos, d_model], or [batch, pos, form, d_model]
            for (int i = first; i < spec.nLayers(); i++) {
                try (NDScope scope = new NDScope()) {
                    scope.suppressNotUsedWarning();
                    NDArray input = ends.inputOf(i, embedded.inputs());
                    x = inside ? block.layer(i, x, input) : fused(i, x, input, pass, ops, block, tap);
                    NDScope.unregister(x);
                }
                NDScope.register(x);
                if (tap.enough(i)) return null;
            }
            cache.advance(count);
            boolean all = tap.wants(LN_FINAL_SCALE, -1)
                    || tap.wants(LN_FINAL_NORMALIZED, -1)
                    || tap.wants(LN_FINAL_OUT, -1)
                    || tap.wants(LOGITS, -1);
            if (!all && count > 1) x = x.get(new NDIndex().addAllDim().addSliceDim(count - 1L, count));
            return ends.unembed(x);
        }
    }

    /** From a residual stream [batch, pos, d_model], or its forms, to logits [batch, pos, vocab]. */
    NDArray unembed(NDArray x) {
        ArrayOps ops =
                new ArrayOps(spec, weights, scalars, null, null, x.getShape().get(0));
        return new Embedding<NDArray>(spec, ops, Tap.none()).unembed(x);
    }

    /** A layer in one TorchScript call; in a mixture only its first half, since the experts depend on the routing. */
    private NDArray fused(
            int i, NDArray x, NDArray input, Positions.Pass pass, ArrayOps ops, Block<NDArray> block, PassTap tap) {
        NDArray pre = spec.altUp() == null ? tap.at(RESID_PRE, i, x) : x;
        NDArray post = fused.apply(i, pre, input, pass, ops.cache());
        if (spec.altUp() != null) return AltUpdates.of(spec, ops, tap).leaves(i, post);
        if (spec.layers().get(i).mlp().experts() != null) post = block.secondHalf(i, pre, post, input);
        return tap.at(RESID_POST, i, post);
    }
}
