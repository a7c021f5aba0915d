/**
 * Parser of third-party ONNX files: nodes, inputs, outputs and locations of weights, all checked, since files are
 * untrusted.
 *
 * <p>Immutable and thread-safe.
 */
package org.llminspector.checkpoint.onnx;
