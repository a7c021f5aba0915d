package org.llminspector.engine;

/** How a matrix product with 4-bit or 8-bit weights is computed. */
public enum Kernel {
    /** With weights decoded to FP32. */
    EXACT,
    /** With activations quantized to 8 bits per block, in integer products. */
    FAST
}
