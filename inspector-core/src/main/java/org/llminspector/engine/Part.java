package org.llminspector.engine;

import com.fasterxml.jackson.annotation.JsonValue;

/** Part is a piece of a model's work that costs and times are told of, in the order in which data flows. */
public enum Part {
    /** The rows of the embedding, and of the learned positions. */
    EMBED("embed"),
    LN1("ln1"),
    /** The products that make q, k and v, and the norms of q and k. */
    QKV("attn.qkv"),
    ROPE("attn.rope"),
    /** Keys and values go into the cache; q times every key. */
    SCORES("attn.scores"),
    /** The softmax. */
    PATTERN("attn.pattern"),
    /** The pattern times the values. */
    Z("attn.z"),
    O("attn.o"),
    /** In a layer with a short convolution, in the place of all of attention's: the products that make B, C and X, and B * X. */
    CONV_IN("conv.in"),
    /** The convolution, and C times it; what is kept of the last positions is written. */
    CONV("conv.conv"),
    CONV_OUT("conv.out"),
    /** Attention's output is normed, where a family does so. */
    LN1_POST("ln1_post"),
    /** Attention's output is added; a parallel block has no such part. */
    RESID_MID("resid_mid"),
    LN2("ln2"),
    /** The gate's product too; in a mixture the router's, and the chosen experts'. */
    MLP_IN("mlp.in"),
    MLP_ACT("mlp.act"),
    /** In a mixture the shared expert too. */
    MLP_OUT("mlp.out"),
    LN2_POST("ln2_post"),
    RESID_POST("resid_post"),
    LN_FINAL("ln_final"),
    UNEMBED("unembed");

    private final String label;

    Part(String label) {
        this.label = label;
    }

    /** The name in answers, as the canonical weights spell it. */
    @JsonValue
    public String label() {
        return label;
    }
}
