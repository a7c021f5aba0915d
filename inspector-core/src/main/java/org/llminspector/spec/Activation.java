package org.llminspector.spec;

/** Activation is a neuron's non-linearity, with Hugging Face's names for it. */
public enum Activation {
    RELU,
    /** max(x, 0) squared (Hugging Face {@code relu2}). */
    RELU_SQUARED,
    /** x * Phi(x), exact (Hugging Face {@code gelu}). */
    GELU,
    /** The tanh approximation (Hugging Face {@code gelu_new}, {@code gelu_fast}, {@code gelu_pytorch_tanh}). */
    GELU_TANH,
    /** x * sigmoid(1.702 x) (Hugging Face {@code quick_gelu}). */
    GELU_QUICK,
    /** x * sigmoid(x) (Hugging Face {@code silu}, {@code swish}). */
    SILU
}
