/**
 * Gguf reads llama.cpp's file format, versions 2 and 3: typed metadata, and tensors in ggml's block formats, decoded
 * to float32 exactly as gguf-py does. What the tensors mean to a model is {@code checkpoint}'s business.
 *
 * <p>Files are hostile until proven otherwise: everything is checked when a file is opened. Open files may be read on
 * any thread.
 */
package org.llminspector.checkpoint.gguf;
