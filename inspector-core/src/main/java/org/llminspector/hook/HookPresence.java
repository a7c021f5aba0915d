package org.llminspector.hook;

import static org.llminspector.hook.HookPoint.*;

import org.llminspector.spec.DecoderSpec;
import org.llminspector.spec.LayerSpec;
import org.llminspector.spec.Mlp;

/** Which hook points a model has. */
public final class HookPresence {

    private HookPresence() {}

    /** Whether this model has the point at this layer; the layer is ignored for points outside the blocks. */
    public static boolean of(HookPoint p, DecoderSpec spec, int layer) {
        if (!p.layered()) {
            if (p == EMBED_FORMS) return spec.altUp() != null;
            return p != POS_EMBED || spec.learnedPositions();
        }
        LayerSpec block = spec.layers().get(layer);
        if (p.recurrent() != null) return p.recurrent().existsIn(block.recurrence());
        return switch (p) {
            case LN1_SCALE, LN1_NORMALIZED -> block.ln1() != null;
            case LN2_SCALE, LN2_NORMALIZED -> block.ln2() != null;
            case LN1_POST_OUT -> block.ln1Post() != null;
            case LN2_POST_OUT -> block.ln2Post() != null;
            case Q, ATTN_SCORES, PATTERN, Z, RESULT, ATTN_OUT -> block.attends();
            case K, V -> block.attends() && block.attention().keysFrom() == null;
            case ROT_Q -> block.attends() && block.attention().rope() != null;
            case ROT_K ->
                block.attends()
                        && block.attention().rope() != null
                        && block.attention().keysFrom() == null;
            case ATTN_GATE -> block.attends() && block.attention().gated();
            case KV_LATENT -> block.attends() && block.attention().latent() != null;
            case Q_LATENT ->
                block.attends()
                        && block.attention().latent() != null
                        && block.attention().latent().dQuery() != null;
            case CONV_B, CONV_C, CONV_X, CONV_BX, CONV, CONV_POST, CONV_OUT -> block.convolves();
            case MLP_OUT -> block.feedsForward();
            case MLP_PRE, MLP_POST -> block.feedsForward() && block.mlp().experts() == null;
            case MLP_PRE_LINEAR -> block.mlp().gated() && block.mlp().experts() == null;
            case ROUTER_LOGITS, EXPERT_INDICES, EXPERT_WEIGHTS, EXPERT_GATES, EXPERT_PRE, EXPERT_POST, EXPERT_OUT ->
                block.mlp().experts() != null;
            case EXPERT_PRE_LINEAR -> block.mlp().gated() && block.mlp().experts() != null;
            case SHARED_PRE, SHARED_POST, SHARED_OUT -> shares(block.mlp());
            case SHARED_PRE_LINEAR -> block.mlp().gated() && shares(block.mlp());
            case SHARED_GATE -> shares(block.mlp()) && block.mlp().experts().sharedGate();
            case LAUREL_OUT -> block.laurel() != null;
            case ALTUP_PREDICTIONS, ALTUP_COEFS, FORMS -> spec.altUp() != null;
            case PLE_INPUT, PLE_PRE, PLE_POST, PLE_OUT -> spec.layerInputs() != null;
            case RESID_MID -> !block.parallel() && block.mixer() != null && block.feedsForward();
            default -> true;
        };
    }

    private static boolean shares(Mlp mlp) {
        return mlp.experts() != null && mlp.experts().dShared() != null;
    }
}
