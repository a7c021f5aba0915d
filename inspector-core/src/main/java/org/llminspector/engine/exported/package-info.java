/**
 * Engine.exported runs ONNX graphs that somebody else exported, and shows what it finds in them: their residual stream is
 * walked, and what lies along it gets the names of hooks. Nothing of a graph is changed.
 *
 * <p>ONNX Runtime's tensors never leave this room and engine.onnx. Any thread may open, run and close; one sequence is for
 * one thread at a time.
 */
package org.llminspector.engine.exported;
