/**
 * Architecture of a decoder as plain records, independent of model family and file format.
 *
 * <p>Immutable and thread-safe.
 */
package org.llminspector.spec;
