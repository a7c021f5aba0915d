/**
 * Spec says what arithmetic a decoder does, as records without behaviour: past this door nobody asks which family or
 * file format a model came from.
 *
 * <p>Immutable, safe on any thread.
 */
package org.llminspector.spec;
