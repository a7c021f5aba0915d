/**
 * Table of the hook points of a decoder, under TransformerLens's names.
 *
 * <p>Immutable and thread-safe.
 */
package org.llminspector.hook;
