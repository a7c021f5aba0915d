package org.llminspector.engine;

/** Precision is the number format that a model's weights are held in while it runs. */
public enum Precision {
    FP32,
    /** On CPU: FP16 weights, FP32 activations. On CUDA: FP16 throughout. */
    FP16,
    /** A true bfloat16 arithmetic; no engine here offers it yet. */
    BF16
}
