/**
 * Engine.torch runs decoders on DJL's PyTorch engine, one NDArray operation at a time: every value can be seen
 * and changed on its way.
 *
 * <p>May import: base, spec, family, hook, capture, engine, DJL. All DJL work of the process happens on one
 * thread ({@link org.llminspector.engine.torch.EngineThread}); NDArrays never leave this package.
 */
package org.llminspector.engine.torch;
