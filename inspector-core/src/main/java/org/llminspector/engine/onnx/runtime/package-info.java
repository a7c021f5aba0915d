/** ONNX Runtime behind plain Java: libraries, devices, memory, weights as initializers, sessions and kernel probes. */
package org.llminspector.engine.onnx.runtime;
