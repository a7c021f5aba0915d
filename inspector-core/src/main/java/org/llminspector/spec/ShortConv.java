package org.llminspector.spec;

/**
 * Gated short convolution, which replaces attention in some layers (LFM2, Liquid AI 2025, arXiv:2511.23404): {@code
 * out(C * conv(B * X))}, with B, C and X projected from the layer's input, each as wide as the stream.
 *
 * <p>The convolution is depthwise and causal. Its state is the last {@code width - 1} values of {@code B * X}, however
 * long the text is.
 *
 * @param width kernel size: positions read, the own one included (config {@code conv_L_cache})
 * @param bias whether its projections and the convolution have a bias (config {@code conv_bias})
 */
public record ShortConv(int width, boolean bias) implements Mixer {

    /** Past positions that are read, and kept as the state. */
    public int past() {
        return width - 1;
    }
}
