/** Training steps on libtorch: a parameter layout and a TorchScript step with its optimizer. */
package org.llminspector.engine.torch.learn;
