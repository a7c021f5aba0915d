/**
 * Engine.onnx runs decoders on ONNX Runtime: it writes the model as a graph, in one of two forms. The fast one is made
 * of fused operators; the hooked one of plain operators, every hooked value an output and every change a node.
 *
 * <p>Any thread may open, run and close; one sequence is for one thread at a time.
 */
package org.llminspector.engine.onnx;
