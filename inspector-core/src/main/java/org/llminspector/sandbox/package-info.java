/**
 * Opens files from outside in a separate process first, within limits of memory and time, since a crash of native
 * libraries on a hostile file cannot be caught and ends the process.
 *
 * <p>{@link org.llminspector.sandbox.Probes} is the entry; thread-safe.
 */
package org.llminspector.sandbox;
