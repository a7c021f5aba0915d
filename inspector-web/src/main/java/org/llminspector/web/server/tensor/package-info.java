/** Tensors as an answer: nested JSON lists, NumPy's .npy and .npz, safetensors. */
package org.llminspector.web.server.tensor;
