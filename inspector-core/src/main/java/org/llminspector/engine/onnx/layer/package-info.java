/** The decoder layer written as ONNX nodes, plain or fused. */
package org.llminspector.engine.onnx.layer;
