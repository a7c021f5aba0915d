/**
 * Hook is the one table of everything that can be seen inside a decoder, under TransformerLens's names.
 *
 * <p>May import: base, spec. Immutable, safe on any thread.
 */
package org.llminspector.hook;
