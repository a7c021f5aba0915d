/**
 * Quantization of weights: schemes as values, quantized tensors, errors and sizes.
 *
 * <p>Values are immutable and thread-safe; large weights are read on all cores.
 */
package org.llminspector.quant;
