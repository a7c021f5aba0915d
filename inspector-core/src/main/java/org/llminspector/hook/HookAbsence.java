package org.llminspector.hook;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.llminspector.spec.DecoderSpec;

/** Why a layer or a model lacks a hook point, in a sentence. */
public final class HookAbsence {

    private static final int SHOWN_LAYERS = 8;

    private HookAbsence() {}

    /** Why this layer does not have the point, as a sentence, and which layers do. */
    public static String of(HookPoint point, DecoderSpec spec, int layer) {
        List<Integer> others = !point.layered()
                ? List.of()
                : IntStream.range(0, spec.nLayers())
                        .filter(i -> HookPresence.of(point, spec, i))
                        .boxed()
                        .toList();
        if (others.isEmpty()) return of(point);
        boolean ofHeads = point.template().contains(".attn.") || point == HookPoint.ATTN_OUT;
        boolean convolves = ofHeads && spec.layers().get(layer).convolves();
        String where = others.stream().limit(SHOWN_LAYERS).map(String::valueOf).collect(Collectors.joining(", "));
        boolean reads = point == HookPoint.K || point == HookPoint.V || point == HookPoint.ROT_K;
        if (reads
                && spec.layers().get(layer).attends()
                && spec.layers().get(layer).attention().keysFrom() != null)
            return "this layer attends to the keys and values of layer "
                    + spec.layers().get(layer).attention().keysFrom() + ", which has the hook";
        return (convolves ? "this layer has a short convolution, and no heads" : of(point))
                + (others.size() == 1 ? "; layer " + where + " has it" : "; layers " + where)
                + (others.size() == 1 ? "" : others.size() > SHOWN_LAYERS ? " and others have it" : " have it");
    }

    /** The same for a model in which no layer has it. */
    public static String of(HookPoint point) {
        if (point.recurrent() != null) return point.recurrent().absence();
        return switch (point) {
            case CONV_B, CONV_C, CONV_X, CONV_BX, CONV, CONV_POST, CONV_OUT -> "this layer has no short convolution";
            case POS_EMBED -> "this family has no learned positions; it rotates queries and keys (RoPE)";
            case EMBED_FORMS, ALTUP_PREDICTIONS, ALTUP_COEFS, FORMS -> "this model's residual stream has one form";
            case LAUREL_OUT -> "this layer has no low-rank path parallel to attention";
            case PLE_INPUT, PLE_PRE, PLE_POST, PLE_OUT -> "this model's layers have no inputs of their own";
            case ROT_Q, ROT_K -> "this layer does not rotate queries and keys (no RoPE)";
            case ATTN_GATE -> "attention has no gate in this layer";
            case KV_LATENT -> "this family makes keys and values of the layer's input, and of no latent vector";
            case Q_LATENT -> "this model makes queries of the layer's input, and of no latent vector";
            case MLP_PRE, MLP_POST ->
                "this layer has no MLP, or is a mixture of experts: mlp.experts.hook_pre and hook_post are its neurons";
            case MLP_PRE_LINEAR ->
                "this family's MLP is not gated, or a mixture of experts, which has mlp.experts.hook_pre_linear";
            case ROUTER_LOGITS, EXPERT_INDICES, EXPERT_WEIGHTS, EXPERT_GATES, EXPERT_PRE, EXPERT_POST, EXPERT_OUT ->
                "this layer is no mixture of experts";
            case EXPERT_PRE_LINEAR -> "this layer is no mixture of gated experts";
            case SHARED_PRE, SHARED_PRE_LINEAR, SHARED_POST, SHARED_GATE, SHARED_OUT ->
                "this layer has no expert that every token is sent to, or none with such a part";
            case LN1_POST_OUT, LN2_POST_OUT -> "this family has no norm after the sublayer";
            case LN1_SCALE, LN1_NORMALIZED, LN2_SCALE, LN2_NORMALIZED -> "this family has no norm before the sublayer";
            case RESID_MID -> "attention and MLP run in parallel here, or one of them is missing";
            case MLP_OUT -> "this layer has no MLP";
            case Q, K, V, ATTN_SCORES, PATTERN, Z, RESULT, ATTN_OUT -> "this layer has no attention";
            default -> throw new IllegalStateException(point.name().toLowerCase(Locale.ROOT) + " is in every model");
        };
    }
}
