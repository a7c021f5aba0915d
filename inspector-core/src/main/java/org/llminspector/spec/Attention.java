package org.llminspector.spec;

/**
 * Attention is one layer's causal self-attention.
 *
 * @param nHeads query heads
 * @param nKvHeads key and value heads; each serves nHeads / nKvHeads query heads (grouped-query attention)
 * @param dHead size of one head
 * @param scale factor on q . k, 1 / sqrt(dHead) unless the config says otherwise
 * @param rope rotation of q and k by position, or null (learned positions; NoPE layers)
 * @param window how many positions back a query sees, itself included, or null for all (sliding window)
 * @param scoreSoftcap c in c * tanh(scores / c) before the mask, or null (Gemma 2)
 * @param qkvBias whether the q, k and v projections have a bias
 * @param outBias whether the output projection has a bias
 * @param qNorm norm of q before RoPE, or null
 * @param kNorm norm of k before RoPE, or null
 * @param qkNormWide whether qNorm and kNorm run over all heads' width at once (OLMo 2) and not head by head (Qwen 3)
 */
public record Attention(
        int nHeads,
        int nKvHeads,
        int dHead,
        float scale,
        Rope rope,
        Integer window,
        Float scoreSoftcap,
        boolean qkvBias,
        boolean outBias,
        Norm qNorm,
        Norm kNorm,
        boolean qkNormWide) {}
