package org.llminspector.spec;

/** Activation is a neuron's non-linearity, with Hugging Face's names for it. */
public enum Activation {
    RELU,
    /** x * Phi(x), exact (Hugging Face {@code gelu}). */
    GELU,
    /** The tanh approximation (Hugging Face {@code gelu_new}, {@code gelu_pytorch_tanh}). */
    GELU_TANH,
    /** x * sigmoid(x) (Hugging Face {@code silu}, {@code swish}). */
    SILU
}
