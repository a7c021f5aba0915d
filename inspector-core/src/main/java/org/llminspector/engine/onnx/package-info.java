/**
 * Decoders on ONNX Runtime, written as graphs in one of two forms: fused, with fused operators, or hooked, with plain
 * operators, where each captured value is an output and each intervention adds nodes.
 *
 * <p>Thread-safe, but a sequence must be used by one thread at a time.
 */
package org.llminspector.engine.onnx;
