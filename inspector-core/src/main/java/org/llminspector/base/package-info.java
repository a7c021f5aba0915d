/**
 * Base holds the values that every room shares: a plain {@link org.llminspector.base.Tensor}, a
 * {@link org.llminspector.base.Problem} that tells a person what to do, and the one JSON mapper.
 *
 * <p>Imports nothing of ours. Everything here is immutable and safe on any thread.
 */
package org.llminspector.base;
