/**
 * Capture is what was asked for and what was seen: interventions as data, captured tensors by hook, and the budget
 * that refuses a request before it fills the memory.
 *
 * <p>Values are immutable; a {@link org.llminspector.capture.Capture} may be read on any thread, until it is released.
 */
package org.llminspector.capture;
