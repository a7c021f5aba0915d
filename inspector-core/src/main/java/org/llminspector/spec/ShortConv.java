package org.llminspector.spec;

/**
 * ShortConv is one layer's gated short convolution, which stands where other layers have attention (LFM2, Liquid AI 2025,
 * arXiv:2511.23404): {@code out(C * conv(B * X))}, with B, C and X made of the layer's input, each as wide as the stream.
 *
 * <p>Each channel of {@code B * X} is convolved by itself, over a position and the ones just before it. So all that is kept of
 * the past are the last {@code width - 1} of those products, however long the text is.
 *
 * @param width positions that a position reads, itself included (config {@code conv_L_cache})
 * @param bias whether its projections and the convolution have a bias (config {@code conv_bias})
 */
public record ShortConv(int width, boolean bias) implements Mixer {

    /** Positions before the own one that are read: as many are kept. */
    public int past() {
        return width - 1;
    }
}
