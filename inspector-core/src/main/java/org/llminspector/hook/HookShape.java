package org.llminspector.hook;

import static org.llminspector.hook.Axis.*;
import static org.llminspector.hook.HookPoint.*;

import org.llminspector.spec.Attention;
import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.Experts;
import org.llminspector.spec.Latent;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/** Shapes of hooked values. */
public final class HookShape {

    private HookShape() {}

    /**
     * Shape of the value for one sequence; sizes of experts, slots, latent vectors and heads are 0 where the layer has
     * none.
     *
     * @param positions positions of the pass, {@code pos} or {@code query}
     * @param keys positions with cached keys, this pass's included
     */
    public static long[] of(HookPoint p, DecoderSpec spec, int layer, long positions, long keys) {
        LayerSpec block = spec.layers().get(layer);
        Attention attention = block.attends() ? block.attention() : null;
        Mlp mlp = block.mlp();
        Experts experts = mlp.experts();
        boolean shared = p == SHARED_PRE || p == SHARED_PRE_LINEAR || p == SHARED_POST;
        boolean perKvHead = p == K || p == V || p == ROT_K;
        long[] shape = new long[p.axes().size()];
        for (int i = 0; i < shape.length; i++) {
            boolean ofHeads = p.axes().get(i) == HEAD
                    || p.axes().get(i) == D_HEAD
                    || p.axes().get(i) == D_STATE;
            if (ofHeads && p.recurrent() != null) {
                shape[i] = p.recurrent().size(p.axes().get(i), block.recurrence());
                continue;
            }
            shape[i] = switch (p.axes().get(i)) {
                case D_STATE -> 0;
                case BATCH, ONE -> 1;
                case POS, QUERY -> positions;
                case KEY -> keys;
                case HEAD -> attention == null ? 0 : perKvHead ? attention.nKvHeads() : attention.nHeads();
                case D_HEAD ->
                    attention == null ? 0 : p == V || p == Z || p == ATTN_GATE ? attention.dValue() : attention.dHead();
                case D_LATENT -> attention == null ? 0 : latent(p, attention.latent());
                case D_MODEL -> spec.dModel();
                case D_PLE ->
                    spec.layerInputs() == null ? 0 : spec.layerInputs().width();
                case FORM -> spec.altUp() == null ? 0 : spec.altUp().forms();
                case D_MLP ->
                    !shared ? mlp.dMlp() : experts != null && experts.dShared() != null ? experts.dShared() : 0;
                case EXPERT -> experts == null ? 0 : experts.count();
                case SLOT -> experts == null ? 0 : experts.active();
                case VOCAB -> spec.vocab();
            };
        }
        return shape;
    }

    private static long latent(HookPoint p, Latent latent) {
        if (latent == null) return 0;
        if (p == KV_LATENT) return latent.dLatent();
        return latent.dQuery() == null ? 0 : latent.dQuery();
    }
}
