/** libtorch behind plain Java: the engine thread, devices, thread counts and TorchScript modules. */
package org.llminspector.engine.torch.libtorch;
