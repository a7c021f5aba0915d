/** The operations of a layer as lines of TorchScript. */
package org.llminspector.engine.torch.script;
