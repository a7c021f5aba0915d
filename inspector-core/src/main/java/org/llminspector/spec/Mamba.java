package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeName;

/**
 * Mamba's selective state space (Gu and Dao 2023, arXiv:2312.00752): every channel x has d_state numbers of its own,
 * {@code S = exp(dt A) S + dt x B^T}, {@code y = S C + D x}, and the output is {@code out(y * silu(gate))}. B, C and dt
 * are projected from x after the convolution.
 *
 * @param dHead channels (config {@code intermediate_size})
 * @param dState numbers per channel (config {@code state_size})
 * @param dRank size of the vector that dt is projected from (config {@code time_step_rank})
 * @param width positions that the convolution reads (config {@code conv_kernel})
 * @param partNorm norm of that vector, of B and of C, or null (Falcon Mamba, Jamba)
 * @param bias whether the in and out projections have a bias
 * @param convBias whether the convolution has one
 */
@JsonTypeName("mamba")
public record Mamba(int dHead, int dState, int dRank, int width, Norm partNorm, boolean bias, boolean convBias)
        implements Recurrent {

    @Override
    public int nHeads() {
        return 1;
    }

    @Override
    public int nKeyHeads() {
        return 1;
    }

    @Override
    public int channels() {
        return dHead;
    }
}
