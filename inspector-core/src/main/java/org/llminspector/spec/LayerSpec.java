package org.llminspector.spec;

/**
 * LayerSpec is one transformer block.
 *
 * <p>Sequential: {@code mid = pre + s ln1Post(attn(ln1(pre))); post = mid + s ln2Post(mlp(ln2(mid)))}, s the residual scale.
 * Parallel: {@code post = pre + s attn(ln1(pre)) + s mlp(ln2(pre))}. A norm that is null is left out.
 *
 * @param ln1 norm before attention, or null (OLMo 2)
 * @param ln1Post norm of attention's output before it is added, or null
 * @param ln2 norm before the MLP, or null (OLMo 2)
 * @param ln2Post norm of the MLP's output before it is added, or null
 * @param parallel whether attention and MLP both read the block's input (GPT-NeoX)
 * @param residualScale factor on what attention and MLP add to the stream, or null for 1 (Granite's {@code residual_multiplier})
 */
public record LayerSpec(
        Norm ln1,
        Attention attention,
        Norm ln1Post,
        Norm ln2,
        Mlp mlp,
        Norm ln2Post,
        boolean parallel,
        Float residualScale) {

    /** Attention and MLP are added as they are. */
    public LayerSpec(Norm ln1, Attention attention, Norm ln1Post, Norm ln2, Mlp mlp, Norm ln2Post, boolean parallel) {
        this(ln1, attention, ln1Post, ln2, mlp, ln2Post, parallel, null);
    }
}
