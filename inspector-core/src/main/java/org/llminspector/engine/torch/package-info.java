/**
 * Engine.torch runs decoders on DJL's PyTorch engine: hooked, one NDArray operation at a time, so that every value can
 * be seen and changed on its way; or fast, one TorchScript call a layer, when nothing inside a layer is looked at.
 *
 * <p>All DJL work of the process happens on one thread ({@link org.llminspector.engine.torch.EngineThread}); NDArrays
 * never leave this package.
 */
package org.llminspector.engine.torch;
