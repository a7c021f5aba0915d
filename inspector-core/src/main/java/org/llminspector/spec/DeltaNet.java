package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeName;

/**
 * Gated delta net (Yang et al. 2024, arXiv:2412.06464): what the state already answers to a key is taken from the value
 * before it is written, {@code S = decay S + beta (v - decay S k) k^T}, {@code y = S q}. q, k and v pass a convolution
 * and silu; q and k have length 1, and q is divided by sqrt(d_state). The output is {@code out(norm(y) * act(gate))}.
 *
 * @param nHeads heads of values (config {@code linear_num_value_heads})
 * @param dHead size of a value (config {@code linear_value_head_dim})
 * @param dState size of a key (config {@code linear_key_head_dim})
 * @param nKeyHeads heads of keys and queries (config {@code linear_num_key_heads})
 * @param width positions that the convolution reads (config {@code linear_conv_kernel_dim})
 * @param decays decays of a head: 1, or one per element of the key (Kimi)
 * @param betaFactor 1, or 2 where eigenvalues may be negative (OLMo's {@code linear_allow_neg_eigval})
 * @param gate act: SILU, or null for a sigmoid (Kimi)
 * @param norm of each head's y
 * @param dLatent size of the vectors that decay and gate are projected from, or null for the layer's input (Kimi)
 */
@JsonTypeName("delta_net")
public record DeltaNet(
        int nHeads,
        int dHead,
        int dState,
        int nKeyHeads,
        int width,
        int decays,
        float betaFactor,
        Activation gate,
        Norm norm,
        Integer dLatent)
        implements Recurrent {

    @Override
    public int channels() {
        return nHeads * dHead + 2 * nKeyHeads * dState;
    }
}
