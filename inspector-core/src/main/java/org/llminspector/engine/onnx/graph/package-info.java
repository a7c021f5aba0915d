/** ONNX models as values: nodes, attributes, value infos and the protobuf writer. */
package org.llminspector.engine.onnx.graph;
