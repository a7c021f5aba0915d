package org.llminspector.engine;

/** Kernel is how weights of few bits are multiplied. */
public enum Kernel {
    /** As if the weights were decoded to FP32 first. */
    EXACT,
    /** Activations are rounded to 8 bits, block by block, for integer products. */
    FAST
}
