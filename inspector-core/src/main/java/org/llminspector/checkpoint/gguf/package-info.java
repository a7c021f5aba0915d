/**
 * Reader of GGUF, llama.cpp's file format, versions 2 and 3: typed metadata, and tensors in ggml's block formats,
 * decoded to float32 exactly as by gguf-py. The mapping to a model's weights is in {@code checkpoint}.
 *
 * <p>Files are untrusted: everything is checked when a file is opened. Open files are thread-safe.
 */
package org.llminspector.checkpoint.gguf;
