package org.llminspector.spec;

import com.fasterxml.jackson.annotation.JsonTypeName;

/**
 * Real-gated linear recurrent unit (De et al. 2024, arXiv:2402.19427): every channel x keeps one number, {@code S = a S
 * + sqrt(1 - a^2) i x}, at the first position {@code S = i x}; a and i are gates of x after the convolution, each made
 * by a matrix per head. The output is {@code out(S * gelu(gate))}.
 *
 * @param nHeads heads, of which each has matrices of its own
 * @param dHead channels of a head
 * @param width positions that the convolution reads (config {@code conv1d_width})
 */
@JsonTypeName("rg_lru")
public record RgLru(int nHeads, int dHead, int width) implements Recurrent {

    @Override
    public int dState() {
        return 1;
    }

    @Override
    public int nKeyHeads() {
        return 0;
    }

    @Override
    public int channels() {
        return nHeads * dHead;
    }
}
