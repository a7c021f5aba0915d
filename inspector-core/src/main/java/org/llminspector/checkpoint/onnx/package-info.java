/**
 * Checkpoint.onnx reads ONNX files that others exported: nodes, inputs, outputs and where the weights lie, found field
 * by field and checked, for a file may come from anywhere.
 *
 * <p>Immutable, safe on any thread.
 */
package org.llminspector.checkpoint.onnx;
