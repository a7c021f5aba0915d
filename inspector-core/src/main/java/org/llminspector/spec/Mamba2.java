package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeName;

/**
 * Mamba 2 (Dao and Gu 2024, arXiv:2405.21060): a head's state decays as one, {@code S = exp(dt A) S + dt x B^T}, {@code
 * y = S C + D x}. x, B and C pass the convolution, dt does not; the output is {@code out(norm(y * silu(gate)))}.
 *
 * @param nHeads heads (config {@code num_heads}, {@code mamba_n_heads})
 * @param dHead channels of a head (config {@code head_dim}, {@code mamba_d_head})
 * @param dState numbers per channel (config {@code state_size}, {@code mamba_d_state})
 * @param nKeyHeads groups of heads that share B and C (config {@code n_groups}, {@code mamba_n_groups})
 * @param width positions that the convolution reads (config {@code conv_kernel}, {@code mamba_d_conv})
 * @param least least dt (config {@code time_step_limit})
 * @param most largest dt, or null for no limit
 * @param norm of the gated y, or null
 * @param normGroups parts of y that are normed by themselves
 * @param normBeforeGate whether y is normed and then gated (Falcon-H1's {@code mamba_norm_before_gate})
 * @param bias whether the in and out projections have a bias
 * @param convBias whether the convolution has one
 */
@JsonTypeName("mamba2")
public record Mamba2(
        int nHeads,
        int dHead,
        int dState,
        int nKeyHeads,
        int width,
        float least,
        Float most,
        Norm norm,
        int normGroups,
        boolean normBeforeGate,
        boolean bias,
        boolean convBias)
        implements Recurrent {

    @Override
    public int channels() {
        return nHeads * dHead + 2 * nKeyHeads * dState;
    }
}
