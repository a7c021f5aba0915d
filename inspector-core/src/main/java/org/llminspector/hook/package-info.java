/**
 * Hook is the one table of everything that can be seen inside a decoder, under TransformerLens's names.
 *
 * <p>Immutable, safe on any thread.
 */
package org.llminspector.hook;
