/**
 * Model files as named tensors: safetensors, as one file or shards with an index; GGUF, with names, layouts and
 * metadata mapped to Hugging Face's; and ONNX graphs, whose tensors keep their names.
 *
 * <p>Files are untrusted: everything is checked when a file is opened, and every refusal is a {@link
 * org.llminspector.base.Problem} that names the file, the tensor and the field. Code in files is never run, which is
 * why pickles are refused.
 *
 * <p>Open files are thread-safe; a tensor stays readable after its file is closed.
 */
package org.llminspector.checkpoint;
