/**
 * Probe opens files that come from outside in a process of its own first, within limits of memory and time, since what
 * the native libraries do with a hostile file cannot be caught: they end the process.
 *
 * <p>{@link org.llminspector.sandbox.Probes} is the entry; safe on any thread.
 */
package org.llminspector.sandbox;
