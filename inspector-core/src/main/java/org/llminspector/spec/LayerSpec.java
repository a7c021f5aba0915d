package org.llminspector.spec;

/**
 * LayerSpec is one transformer block.
 *
 * <p>Sequential: {@code mid = pre + ln1Post(attn(ln1(pre))); post = mid + ln2Post(mlp(ln2(mid)))}. Parallel:
 * {@code post = pre + attn(ln1(pre)) + mlp(ln2(pre))}. A norm that is null is left out.
 *
 * @param ln1 norm before attention, or null (OLMo 2)
 * @param ln1Post norm of attention's output before it is added, or null
 * @param ln2 norm before the MLP, or null (OLMo 2)
 * @param ln2Post norm of the MLP's output before it is added, or null
 * @param parallel whether attention and MLP both read the block's input (GPT-NeoX)
 */
public record LayerSpec(
        Norm ln1, Attention attention, Norm ln1Post, Norm ln2, Mlp mlp, Norm ln2Post, boolean parallel) {}
