/**
 * Third-party ONNX graphs: runs them, follows their residual stream and maps what is found along it to hooks. Graphs
 * are not changed.
 *
 * <p>ONNX Runtime's tensors never leave this package and engine.onnx. Thread-safe, but a sequence must be used by one
 * thread at a time.
 */
package org.llminspector.engine.exported;
