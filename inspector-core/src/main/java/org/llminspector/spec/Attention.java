package org.llminspector.spec;

import org.llminspector.base.Built;

/**
 * Causal self-attention of a layer.
 *
 * @param nHeads query heads
 * @param nKvHeads key and value heads; each serves nHeads / nKvHeads query heads (grouped-query attention)
 * @param dHead size of one head
 * @param scale factor on q . k, 1 / sqrt(dHead) unless the config says otherwise
 * @param rope rotation of q and k by position, or null (learned positions; NoPE layers)
 * @param alibi distance-dependent bias of scores, or null
 * @param window sliding window: how many positions a query attends to, itself included, or null for all
 * @param scoreSoftcap c in c * tanh(scores / c) before the mask, or null (Gemma 2)
 * @param qkvBias whether the q, k and v projections have a bias
 * @param outBias whether the output projection has a bias
 * @param qNorm norm of q before RoPE, or null
 * @param kNorm norm of k before RoPE, or null
 * @param qkNormWide whether qNorm and kNorm normalize over all heads together (OLMo 2), not per head (Qwen 3)
 * @param qkNormByHead whether their weights differ per head (Cohere's {@code use_qk_norm})
 * @param clip c of clipping q, k and v to [-c, c] after their projections, or null (OLMo 1 and MPT's {@code clip_qkv})
 * @param latent latent vectors of queries, keys and values (MLA), or null for projections of the layer's input
 * @param sinks whether each head has a learned sink logit, an additional softmax entry without a key, so that a row of
 *     the pattern sums to less than 1 (gpt-oss)
 * @param dValue size of a head's value; 0 is read as dHead, or the latent's
 * @param chunk positions are cut in chunks of this many, and a query attends within its own, or null (Llama 4)
 * @param qkNormRotated whether qNorm and kNorm follow RoPE (Hunyuan)
 * @param queryScale factor of queries by their position, or null
 * @param valueScale factor of values, or null for 1 (MiMo's {@code attention_value_scale})
 * @param gated whether a head's sum of values is multiplied, component by component, by the sigmoid of a projection of
 *     the layer's input (arXiv:2505.06708; Afmoe, Qwen3-Next)
 * @param vNorm norm of each head's values, or null (Gemma 3n, 4)
 * @param keysFrom layer before this one whose keys and values it attends to, or null for its own (config {@code
 *     num_kv_shared_layers})
 * @param valuesAreKeys whether values are the keys' projection, before its norm and rotation (Gemma 4's {@code
 *     attention_k_eq_v})
 */
@Built
public record Attention(
        int nHeads,
        int nKvHeads,
        int dHead,
        float scale,
        Rope rope,
        Alibi alibi,
        Integer window,
        Float scoreSoftcap,
        boolean qkvBias,
        boolean outBias,
        Norm qNorm,
        Norm kNorm,
        boolean qkNormWide,
        boolean qkNormByHead,
        Float clip,
        Latent latent,
        boolean sinks,
        int dValue,
        Integer chunk,
        boolean qkNormRotated,
        QueryScale queryScale,
        Float valueScale,
        boolean gated,
        Norm vNorm,
        Integer keysFrom,
        boolean valuesAreKeys)
        implements Mixer {

    public Attention {
        if (dValue == 0) dValue = latent == null ? dHead : latent.dValue();
    }

    /** Without norms of q and k and without a softcap; the scale is 1 / sqrt(dHead). */
    public static Attention plain(
            int nHeads, int nKvHeads, int dHead, Rope rope, Integer window, boolean qkvBias, boolean outBias) {
        return AttentionBuilder.builder()
                .nHeads(nHeads)
                .nKvHeads(nKvHeads)
                .dHead(dHead)
                .scale((float) (1 / Math.sqrt(dHead)))
                .rope(rope)
                .window(window)
                .qkvBias(qkvBias)
                .outBias(outBias)
                .build();
    }

    /** The same with another factor on scores. */
    public Attention scaled(float by) {
        return AttentionBuilder.builder(this).scale(by).build();
    }

    /** How far back a query attends. */
    public Reach reach() {
        return new Reach(window, chunk);
    }
}
