package org.llminspector.hook;

import static org.llminspector.hook.Axis.*;

import java.util.List;
import org.llminspector.base.Problem;

/**
 * Table of all hook points, the values that can be captured or changed: one row per point, in the order in which data
 * flows.
 *
 * <p>Names are TransformerLens's; {@code {i}} stands for the layer. K and V carry n_kv_heads heads.
 */
@SuppressWarnings("ImmutableEnumChecker") // List.of is immutable
public enum HookPoint {
    EMBED(
            "hook_embed",
            "the token's row of the embedding table, projected, scaled and normed as the family does it",
            BATCH,
            POS,
            D_MODEL),
    POS_EMBED("hook_pos_embed", "the position's learned vector, added to the embedding", BATCH, POS, D_MODEL),

    EMBED_FORMS(
            "hook_embed_forms", "the embedding in all forms of the residual stream (AltUp)", BATCH, POS, FORM, D_MODEL),

    ALTUP_PREDICTIONS(
            "blocks.{i}.altup.hook_predictions",
            "what each form of the residual stream is predicted to be before the block: a mixture of all",
            BATCH,
            POS,
            FORM,
            D_MODEL),
    RESID_PRE("blocks.{i}.hook_resid_pre", "the residual stream as the block reads it", BATCH, POS, D_MODEL),
    LN1_SCALE("blocks.{i}.ln1.hook_scale", "what ln1 divides by: the (centred) root mean square", BATCH, POS, ONE),
    LN1_NORMALIZED("blocks.{i}.ln1.hook_normalized", "after the division, before ln1's weight", BATCH, POS, D_MODEL),
    Q_LATENT(
            "blocks.{i}.attn.hook_q_latent",
            "the short vector that all heads' queries are made of, normed",
            BATCH,
            POS,
            D_LATENT),
    KV_LATENT(
            "blocks.{i}.attn.hook_kv_latent",
            "the short vector that all heads' keys and values are made of, normed: what the KV cache keeps of a token",
            BATCH,
            POS,
            D_LATENT),
    Q("blocks.{i}.attn.hook_q", "queries before RoPE", BATCH, POS, HEAD, D_HEAD),
    K("blocks.{i}.attn.hook_k", "keys before RoPE, one per key/value head", BATCH, POS, HEAD, D_HEAD),
    V("blocks.{i}.attn.hook_v", "values, one per key/value head", BATCH, POS, HEAD, D_HEAD),
    ROT_Q("blocks.{i}.attn.hook_rot_q", "queries after RoPE", BATCH, POS, HEAD, D_HEAD),
    ROT_K("blocks.{i}.attn.hook_rot_k", "keys after RoPE", BATCH, POS, HEAD, D_HEAD),
    ATTN_SCORES(
            "blocks.{i}.attn.hook_attn_scores",
            "q . k, scaled and masked (-inf where a query may not look), before the softmax; an attention sink's score is no key's and not among them",
            BATCH,
            HEAD,
            QUERY,
            KEY),
    PATTERN(
            "blocks.{i}.attn.hook_pattern",
            "attention probabilities: each query's row sums to 1; in a model with attention sinks to less, for the sink's share goes to no key",
            BATCH,
            HEAD,
            QUERY,
            KEY),
    ATTN_GATE(
            "blocks.{i}.attn.hook_gate",
            "what each component of pattern . v is multiplied by, from 0 to 1",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    Z(
            "blocks.{i}.attn.hook_z",
            "pattern . v, times the gate where attention has one: what each head read",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    RESULT(
            "blocks.{i}.attn.hook_result",
            "each head's own contribution to the output projection, before a norm or factor on it (large: made only when asked for)",
            BATCH,
            POS,
            HEAD,
            D_MODEL),
    CONV_B(
            "blocks.{i}.conv.hook_b",
            "what a layer with a short convolution multiplies its input by before the convolution",
            BATCH,
            POS,
            D_MODEL),
    CONV_C("blocks.{i}.conv.hook_c", "what the convolution's output is multiplied by", BATCH, POS, D_MODEL),
    CONV_X("blocks.{i}.conv.hook_x", "what such a layer passes on of its input", BATCH, POS, D_MODEL),
    CONV_BX(
            "blocks.{i}.conv.hook_bx",
            "b * x, which the convolution reads: of the last positions it is kept beside the KV cache",
            BATCH,
            POS,
            D_MODEL),
    CONV(
            "blocks.{i}.conv.hook_conv",
            "the convolution's output: in each channel a weighted sum of b * x at this position and those just before it",
            BATCH,
            POS,
            D_MODEL),
    CONV_POST("blocks.{i}.conv.hook_post", "c * the above, as the output projection reads it", BATCH, POS, D_MODEL),
    SSM_X(
            "blocks.{i}.ssm.hook_x",
            "what a recurrence reads of the layer's input, after the short convolution",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    SSM_Q(
            "blocks.{i}.ssm.hook_q",
            "queries of a delta net, of length 1 / sqrt(d_state), or of lightning attention: what reads the state",
            BATCH,
            POS,
            HEAD,
            D_STATE),
    SSM_K("blocks.{i}.ssm.hook_k", "their keys: where in the state a value is written", BATCH, POS, HEAD, D_STATE),
    SSM_V("blocks.{i}.ssm.hook_v", "their values", BATCH, POS, HEAD, D_HEAD),
    SSM_B(
            "blocks.{i}.ssm.hook_B",
            "where in the state a Mamba layer writes: its key, one for each group of heads",
            BATCH,
            POS,
            HEAD,
            D_STATE),
    SSM_C("blocks.{i}.ssm.hook_C", "what it reads from the state: its query", BATCH, POS, HEAD, D_STATE),
    SSM_DT(
            "blocks.{i}.ssm.hook_dt",
            "the step size of a Mamba layer, above 0: how far the state decays and how much is written",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    SSM_BETA("blocks.{i}.ssm.hook_beta", "how much of its correction a delta net writes", BATCH, POS, HEAD),
    SSM_DECAY(
            "blocks.{i}.ssm.hook_decay",
            "what the state before is multiplied by, from 0 to 1",
            BATCH,
            POS,
            HEAD,
            D_HEAD,
            D_STATE),
    SSM_WRITE(
            "blocks.{i}.ssm.hook_write",
            "the vector that is written at the key: dt * x, a value, or in a delta net the correction, beta times the value less what the state answers to the key",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    SSM_STATE(
            "blocks.{i}.ssm.hook_state",
            "the state after the position: decay * state before + write k^T (large: d_state values of each of d_head)",
            BATCH,
            POS,
            HEAD,
            D_HEAD,
            D_STATE),
    SSM_Y("blocks.{i}.ssm.hook_y", "what the query reads from the state", BATCH, POS, HEAD, D_HEAD),
    SSM_GATE("blocks.{i}.ssm.hook_gate", "the gate of that, before its activation function", BATCH, POS, HEAD, D_HEAD),
    SSM_POST(
            "blocks.{i}.ssm.hook_post",
            "gated and normed, as the output projection reads it",
            BATCH,
            POS,
            HEAD,
            D_HEAD),
    LN1_POST_OUT("blocks.{i}.ln1_post.hook_out", "attention's output after its own norm", BATCH, POS, D_MODEL),
    ATTN_OUT("blocks.{i}.hook_attn_out", "what attention adds to the residual stream", BATCH, POS, D_MODEL),
    CONV_OUT("blocks.{i}.hook_conv_out", "what a short convolution adds to the residual stream", BATCH, POS, D_MODEL),
    SSM_OUT("blocks.{i}.hook_ssm_out", "what a recurrence adds to the residual stream", BATCH, POS, D_MODEL),
    LAUREL_OUT(
            "blocks.{i}.hook_laurel_out",
            "what the low-rank path parallel to attention adds to the residual stream (LAuReL)",
            BATCH,
            POS,
            D_MODEL),
    RESID_MID(
            "blocks.{i}.hook_resid_mid",
            "the residual stream between attention, or what is in its place, and MLP",
            BATCH,
            POS,
            D_MODEL),
    LN2_SCALE("blocks.{i}.ln2.hook_scale", "what ln2 divides by", BATCH, POS, ONE),
    LN2_NORMALIZED("blocks.{i}.ln2.hook_normalized", "after the division, before ln2's weight", BATCH, POS, D_MODEL),
    MLP_PRE("blocks.{i}.mlp.hook_pre", "neurons before the non-linearity (the gate, in gated MLPs)", BATCH, POS, D_MLP),
    MLP_PRE_LINEAR("blocks.{i}.mlp.hook_pre_linear", "the ungated branch of a gated MLP", BATCH, POS, D_MLP),
    MLP_POST("blocks.{i}.mlp.hook_post", "neurons as the output projection reads them", BATCH, POS, D_MLP),
    ROUTER_LOGITS(
            "blocks.{i}.mlp.hook_router_logits",
            "one score per expert, before the softmax: a mixture's choice",
            BATCH,
            POS,
            EXPERT),
    EXPERT_INDICES(
            "blocks.{i}.mlp.hook_expert_indices",
            "the numbers of the experts that the token is sent to, the best score first",
            BATCH,
            POS,
            SLOT),
    EXPERT_WEIGHTS(
            "blocks.{i}.mlp.hook_expert_weights",
            "what each of their answers is multiplied by; hook_expert_indices says which expert a slot is",
            BATCH,
            POS,
            SLOT),
    EXPERT_GATES(
            "blocks.{i}.mlp.hook_expert_gates",
            "the same expert by expert: 0 for those that the token is not sent to",
            BATCH,
            POS,
            EXPERT),
    EXPERT_PRE(
            "blocks.{i}.mlp.experts.hook_pre",
            "the chosen experts' neurons before the non-linearity; hook_expert_indices says which expert a slot is",
            BATCH,
            POS,
            SLOT,
            D_MLP),
    EXPERT_PRE_LINEAR(
            "blocks.{i}.mlp.experts.hook_pre_linear",
            "the ungated branch of the chosen experts",
            BATCH,
            POS,
            SLOT,
            D_MLP),
    EXPERT_POST(
            "blocks.{i}.mlp.experts.hook_post",
            "the chosen experts' neurons as their output projections read them",
            BATCH,
            POS,
            SLOT,
            D_MLP),
    EXPERT_OUT(
            "blocks.{i}.mlp.experts.hook_out",
            "the chosen experts' answers, before they are weighed",
            BATCH,
            POS,
            SLOT,
            D_MODEL),
    SHARED_PRE(
            "blocks.{i}.mlp.shared_expert.hook_pre",
            "neurons of the expert that every token is sent to, before the non-linearity",
            BATCH,
            POS,
            D_MLP),
    SHARED_PRE_LINEAR(
            "blocks.{i}.mlp.shared_expert.hook_pre_linear",
            "the ungated branch of the shared expert",
            BATCH,
            POS,
            D_MLP),
    SHARED_POST(
            "blocks.{i}.mlp.shared_expert.hook_post",
            "the shared expert's neurons as its output projection reads them",
            BATCH,
            POS,
            D_MLP),
    SHARED_GATE(
            "blocks.{i}.mlp.shared_expert.hook_gate",
            "what the shared expert's answer is multiplied by, from 0 to 1",
            BATCH,
            POS,
            ONE),
    SHARED_OUT(
            "blocks.{i}.mlp.shared_expert.hook_out",
            "what the shared expert adds to the chosen ones' answers",
            BATCH,
            POS,
            D_MODEL),
    LN2_POST_OUT("blocks.{i}.ln2_post.hook_out", "the MLP's output after its own norm", BATCH, POS, D_MODEL),
    MLP_OUT("blocks.{i}.hook_mlp_out", "what the MLP adds to the residual stream", BATCH, POS, D_MODEL),
    ALTUP_COEFS(
            "blocks.{i}.altup.hook_coefs",
            "what share each form of the stream takes of the block's output less the first form's prediction",
            BATCH,
            POS,
            FORM),
    PLE_INPUT(
            "blocks.{i}.ple.hook_input",
            "the token's own input to this layer (per-layer embedding): its row of a table, and a projection of its embedding",
            BATCH,
            POS,
            D_PLE),
    PLE_PRE("blocks.{i}.ple.hook_pre", "the gate of that input, before its activation function", BATCH, POS, D_PLE),
    PLE_POST("blocks.{i}.ple.hook_post", "gate times input, as the output projection reads it", BATCH, POS, D_PLE),
    PLE_OUT(
            "blocks.{i}.hook_ple_out",
            "what the token's own input adds to the residual stream; in a model of several forms to all but the first",
            BATCH,
            POS,
            D_MODEL),
    RESID_POST("blocks.{i}.hook_resid_post", "the residual stream as the block leaves it", BATCH, POS, D_MODEL),
    FORMS(
            "blocks.{i}.hook_forms",
            "all forms of the residual stream as the block leaves them (AltUp); hook_resid_post is the first",
            BATCH,
            POS,
            FORM,
            D_MODEL),

    LN_FINAL_SCALE("ln_final.hook_scale", "what the final norm divides by", BATCH, POS, ONE),
    LN_FINAL_NORMALIZED(
            "ln_final.hook_normalized", "after the division, before the final norm's weight", BATCH, POS, D_MODEL),
    LN_FINAL_OUT("ln_final.hook_out", "the last hidden state, as the unembedding reads it", BATCH, POS, D_MODEL),
    LOGITS("logits", "one score per vocabulary entry", BATCH, POS, VOCAB);

    private final String template;
    private final String doc;
    private final List<Axis> axes;

    HookPoint(String template, String doc, Axis... axes) {
        this.template = template;
        this.doc = doc;
        this.axes = List.of(axes);
    }

    /** The name with {@code {i}} for the layer. */
    public String template() {
        return template;
    }

    public String doc() {
        return doc;
    }

    public List<Axis> axes() {
        return axes;
    }

    /** What it shows of a recurrence, or null. */
    RecurrentPart recurrent() {
        return switch (this) {
            case SSM_X -> RecurrentPart.X;
            case SSM_Q -> RecurrentPart.QUERY;
            case SSM_K -> RecurrentPart.KEY;
            case SSM_V -> RecurrentPart.VALUE;
            case SSM_B -> RecurrentPart.B;
            case SSM_C -> RecurrentPart.C;
            case SSM_DT -> RecurrentPart.DT;
            case SSM_BETA -> RecurrentPart.BETA;
            case SSM_DECAY -> RecurrentPart.DECAY;
            case SSM_STATE -> RecurrentPart.STATE;
            case SSM_WRITE, SSM_Y, SSM_GATE, SSM_POST, SSM_OUT -> RecurrentPart.OTHER;
            default -> null;
        };
    }

    /** Whether it belongs to a layer. */
    public boolean layered() {
        return template.startsWith("blocks.");
    }

    /** Index of the axis that counts a pass's positions: {@code pos} or {@code query}. */
    public int positionAxis() {
        return Math.max(axisIndex(Axis.POS), axisIndex(Axis.QUERY));
    }

    /** Index of the axis, or -1. */
    public int axisIndex(Axis axis) {
        return axes.indexOf(axis);
    }

    /**
     * A point by its template, or by what follows {@code blocks.{i}.} in it: {@code attn.hook_z}.
     *
     * @param field that the name came from, for the error
     */
    public static HookPoint named(String name, String field) {
        for (HookPoint p : values()) {
            if (p.template.equals(name) || p.template.equals("blocks.{i}." + name)) return p;
        }
        throw Problem.invalid("no such hook point")
                .where(field)
                .expected("a hook without its layer, such as hook_resid_post or attn.hook_z")
                .found('"' + name + '"');
    }

    static HookPoint ofTemplate(String template) {
        for (HookPoint p : values()) if (p.template.equals(template)) return p;
        throw Problem.invalid("no such hook point").found(template);
    }
}
