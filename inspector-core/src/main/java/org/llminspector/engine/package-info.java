/**
 * The engine port: interfaces that every engine implements, and their requests and results as plain values.
 *
 * <p>An engine may be called from any thread; it queues the calls onto its own.
 */
package org.llminspector.engine;
