/**
 * Decoders on DJL's PyTorch engine: hooked, one NDArray operation at a time, so that every value can be captured and
 * changed; or fused, one TorchScript call per layer, when no value inside a layer is hooked.
 *
 * <p>All DJL work of the process happens on one thread ({@link org.llminspector.engine.torch.libtorch.EngineThread}); NDArrays
 * never leave this package.
 */
package org.llminspector.engine.torch;
