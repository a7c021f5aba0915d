/**
 * Checkpoint turns model files into named tensors: safetensors, memory-mapped, one file or shards with an index; and
 * GGUF, whose names, layouts and metadata become Hugging Face's here; and ONNX graphs, whose tensors keep their names.
 *
 * <p>Files are hostile until proven otherwise: everything is checked when a file is opened, and every refusal is a
 * {@link org.llminspector.base.Problem} that names the file, the tensor and the field. Nothing here runs code that a
 * file brings along, which is why pickles are refused.
 *
 * <p>Open files may be read on any thread; a tensor that was handed out stays readable after its file is closed.
 */
package org.llminspector.checkpoint;
