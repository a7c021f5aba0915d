package org.llminspector.spec;

/** Activation function of an MLP, with Hugging Face's names. */
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
    SILU,
    /**
     * xIELU: a x^2 + b x above 0, c (e^min(x, eps) - 1 - x) + b x below; its parameters are learned per layer and
     * stored as weights (Huang and Schlag 2024, arXiv:2411.13010; Hugging Face {@code xielu}).
     */
    XIELU
}
