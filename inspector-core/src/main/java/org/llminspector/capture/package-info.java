/**
 * Interventions as data, captured tensors by hook, and the memory budget of captures.
 *
 * <p>Values are immutable; a {@link org.llminspector.capture.Capture} may be read on any thread, until it is released.
 */
package org.llminspector.capture;
