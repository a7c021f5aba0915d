package org.llminspector.engine;

import com.fasterxml.jackson.annotation.JsonValue;

/** Unit of a forward pass for which cost and time are reported, in the order in which data flows. */
public enum Part {
    /** Lookup of the token embedding, and of learned positions. */
    EMBED("embed"),
    /** In models whose stream has several forms: their predictions before the block, and their corrections after it. */
    ALTUP("altup"),
    LN1("ln1"),
    /** The projections to q, k and v, and the norms of q and k. */
    QKV("attn.qkv"),
    ROPE("attn.rope"),
    /** Writing keys and values to the cache; q times every key. */
    SCORES("attn.scores"),
    /** The softmax. */
    PATTERN("attn.pattern"),
    /** The pattern times the values. */
    Z("attn.z"),
    O("attn.o"),
    /**
     * In a layer with a short convolution, which has the conv parts instead of attention's: the projections to B, C and
     * X, and B * X.
     */
    CONV_IN("conv.in"),
    /** The convolution, times C; writing its state. */
    CONV("conv.conv"),
    CONV_OUT("conv.out"),
    /** In a layer with a recurrence: its projections, the short convolution, and what one step reads. */
    SSM_IN("ssm.in"),
    /** The steps, and the gate. */
    SSM("ssm.steps"),
    SSM_OUT("ssm.out"),
    /** The norm of attention's output, in families that have one. */
    LN1_POST("ln1_post"),
    /** The low-rank path parallel to attention, in layers that have one. */
    LAUREL("laurel"),
    /** Adding attention's output to the stream; a parallel block has no such part. */
    RESID_MID("resid_mid"),
    LN2("ln2"),
    /** The in and gate projections; in a mixture, the router's and the chosen experts'. */
    MLP_IN("mlp.in"),
    MLP_ACT("mlp.act"),
    /** In a mixture, including the shared expert. */
    MLP_OUT("mlp.out"),
    LN2_POST("ln2_post"),
    /** The gate of a token's own input to the layer, and its projection. */
    PLE("ple"),
    RESID_POST("resid_post"),
    LN_FINAL("ln_final"),
    UNEMBED("unembed");

    private final String label;

    Part(String label) {
        this.label = label;
    }

    /** The name in JSON, as the canonical weights spell it. */
    @JsonValue
    public String label() {
        return label;
    }
}
