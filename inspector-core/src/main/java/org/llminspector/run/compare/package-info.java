/**
 * Compares two runs and stores how far they differ: distances, never values.
 *
 * <p>Thread-safe.
 */
package org.llminspector.run.compare;
