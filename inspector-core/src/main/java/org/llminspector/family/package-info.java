/**
 * Conversion of each vendor's config.json and tensor names to {@link org.llminspector.spec.DecoderSpec} and canonical
 * weights: fused tensors are split and transposed here, once.
 *
 * <p>Immutable after opening, safe on any thread.
 */
package org.llminspector.family;
