package org.llminspector.spec;

/**
 * LayerSpec is one transformer block.
 *
 * <p>Sequential: {@code mid = pre + s ln1Post(attn(ln1(pre))); post = mid + s ln2Post(mlp(ln2(mid)))}, s the residual scale.
 * Parallel: {@code post = pre + s attn(ln1(pre)) + s mlp(ln2(pre))}. A norm that is null is left out.
 * With norms in the stream: {@code x = ln1(pre); mid = x + attn(x); y = ln2(mid); post = y + mlp(y)}.
 *
 * @param ln1 norm before attention, or null (OLMo 2)
 * @param ln1Post norm of attention's output before it is added, or null
 * @param ln2 norm before the MLP, or null (OLMo 2)
 * @param ln2Post norm of the MLP's output before it is added, or null
 * @param parallel whether attention and MLP both read the block's input (GPT-NeoX)
 * @param residualScale factor on what attention and MLP add to the stream, or null for 1 (Granite's {@code residual_multiplier})
 * @param streamNorms whether what ln1 and ln2 make of the stream is the stream from there on, and not only what is read of it (the
 *     first transformer's order, in which a norm follows every sum: OPT 350M; a block's last norm is the next one's first here)
 */
public record LayerSpec(
        Norm ln1,
        Attention attention,
        Norm ln1Post,
        Norm ln2,
        Mlp mlp,
        Norm ln2Post,
        boolean parallel,
        Float residualScale,
        boolean streamNorms) {

    /** The stream itself is not normed. */
    public LayerSpec(
            Norm ln1,
            Attention attention,
            Norm ln1Post,
            Norm ln2,
            Mlp mlp,
            Norm ln2Post,
            boolean parallel,
            Float residualScale) {
        this(ln1, attention, ln1Post, ln2, mlp, ln2Post, parallel, residualScale, false);
    }

    /** Attention and MLP are added as they are. */
    public LayerSpec(Norm ln1, Attention attention, Norm ln1Post, Norm ln2, Mlp mlp, Norm ln2Post, boolean parallel) {
        this(ln1, attention, ln1Post, ln2, mlp, ln2Post, parallel, null);
    }
}
