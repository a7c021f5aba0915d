/**
 * Family turns one vendor's config.json and tensor names into our {@link org.llminspector.spec.DecoderSpec} and
 * canonical weights: fused tensors are split and transposed here, once, at the door.
 *
 * <p>Immutable after opening, safe on any thread.
 */
package org.llminspector.family;
