/**
 * Engine is the port behind which models run: what every engine can be asked, in plain values.
 *
 * <p>An engine may be called from any thread; it queues the calls onto its own.
 */
package org.llminspector.engine;
